-- Marks the cells of a notebook for notebook.typ, and selects the format of each output that suits paper best.
-- Text stays text: no link, no image from outside the notebook, no markup of another format.

local function marked(name, blocks)
  local marked_blocks = pandoc.List({ pandoc.RawBlock("typst", "#" .. name .. "[") })
  marked_blocks:extend(blocks)
  marked_blocks:insert(pandoc.RawBlock("typst", "]"))
  return marked_blocks
end

-- Removes the color codes of terminals, and other formats, which have the same as plain text.
local function plain(block)
  if block.t == "RawBlock" then
    return {}
  elseif block.t == "CodeBlock" then
    block.text = block.text:gsub("\27%[[%d;]*m", "")
  end
  return block
end

-- Markdown has no other syntax for a line break within a cell, and uses <span> to keep signs apart.
local function raw(inline)
  if inline.text == "<br>" then
    return pandoc.LineBreak()
  elseif inline.text == "<span>" or inline.text == "</span>" then
    return {}
  end
  return pandoc.Str(inline.text)
end

local text_only = {
  RawInline = raw,
  RawBlock = function(block) return pandoc.CodeBlock(block.text) end,
  Link = function(link) return link.content end,
  Image = function(image)
    local text = pandoc.List({ pandoc.Str("![") })
    text:extend(image.caption)
    text:insert(pandoc.Str("](" .. image.src .. ")"))
    return text
  end,
}

-- The blocks of an output: its Markdown, else its image, else its plain text.
local function best(output)
  for _, block in ipairs(output.content) do
    if block.t == "RawBlock" and block.format == "markdown" then
      return pandoc.read(block.text .. "\n", "commonmark+pipe_tables+tex_math_dollars").blocks:walk(text_only), "result"
    end
  end
  for _, block in ipairs(output.content) do
    if block.t == "Para" and block.content[1] and block.content[1].t == "Image" then
      return pandoc.List({ block }), "result"
    end
  end
  return output.content:walk({ Block = plain }), "output"
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
  if div.classes:includes("markdown") or div.classes:includes("raw") then
    return div.content:walk(text_only)
  end
end

-- Columns as wide as their content; the first one, with text, is aligned left.
local function table_(tbl)
  for number, column in ipairs(tbl.colspecs) do
    tbl.colspecs[number] = { number == 1 and pandoc.AlignLeft or column[1], nil }
  end
  return tbl
end

-- Cells first: the Markdown of an output can have tables.
return { { Div = cell }, { Table = table_ } }
