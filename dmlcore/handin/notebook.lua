-- Marks the cells of a notebook for notebook.typ, and picks the form of each output that reads best on paper.

local function marked(name, blocks)
  local marked_blocks = pandoc.List({ pandoc.RawBlock("typst", "#" .. name .. "[") })
  marked_blocks:extend(blocks)
  marked_blocks:insert(pandoc.RawBlock("typst", "]"))
  return marked_blocks
end

-- Remove the color codes of terminals.
local function plain(block)
  if block.t == "CodeBlock" then
    block.text = block.text:gsub("\27%[[%d;]*m", "")
  end
  return block
end

-- The blocks of an output: its Markdown, else its image, else its plain text.
local function best(output)
  for _, block in ipairs(output.content) do
    if block.t == "RawBlock" and block.format == "markdown" then
      return pandoc.read(block.text, "markdown-citations-yaml_metadata_block").blocks, "result"
    end
  end
  for _, block in ipairs(output.content) do
    if block.t == "Para" and block.content[1] and block.content[1].t == "Image" then
      return pandoc.List({ block }), "result"
    end
  end
  return output.content:map(plain), "output"
end

local function cell(div)
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

-- A line break within a cell: Markdown has no syntax for it.
local function raw(inline)
  if inline.format == "html" and inline.text:match("^<br") then
    return pandoc.LineBreak()
  end
end

-- Columns as wide as what is in them, the first to the left: it is of words.
local function table_(tbl)
  for number, column in ipairs(tbl.colspecs) do
    tbl.colspecs[number] = { number == 1 and pandoc.AlignLeft or column[1], nil }
  end
  return tbl
end

-- Cells first: what is read from an output's Markdown has tables too.
return { { Div = cell }, { Table = table_, RawInline = raw } }
