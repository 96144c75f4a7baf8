-- Marks the cells of a notebook for notebook.typ, and picks the form of each output that reads best on paper.

local function marked(name, blocks)
  local marked_blocks = pandoc.List({ pandoc.RawBlock("typst", "#" .. name .. "[") })
  marked_blocks:extend(blocks)
  marked_blocks:insert(pandoc.RawBlock("typst", "]"))
  return marked_blocks
end

-- The blocks of an output: its Markdown, else its image, else its plain text.
local function best(output)
  for _, block in ipairs(output.content) do
    if block.t == "RawBlock" and block.format == "markdown" then
      return pandoc.read(block.text, "markdown-yaml_metadata_block").blocks, "result"
    end
  end
  for _, block in ipairs(output.content) do
    if block.t == "Para" and block.content[1] and block.content[1].t == "Image" then
      return pandoc.List({ block }), "result"
    end
  end
  return output.content, "output"
end

function Div(div)
  if div.classes:includes("output") then
    local blocks, name = best(div)
    return marked(name, blocks)
  end
  if div.classes:includes("code") then
    local code = marked("code", { div.content[1] })
    code:extend({ table.unpack(div.content, 2) })
    return code
  end
  if div.classes:includes("markdown") then
    return div.content
  end
end
