-- Marks the cells of a notebook for notebook.typ, and selects the format of each output that suits paper best.
-- Text stays text: no link, no image from outside the notebook, no markup of another format.

-- The most rows of a table that is never broken.
local SHORT = 12

-- The most columns that fit across a page.
local BROAD = 9

-- The most blocks of a text that stays with the cell below it.
local FEW = 6

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

-- Whether a block is the title of what follows.
local function leads(block)
  return block ~= nil
    and (block.t == "Header" or (block.t == "Para" and #block.content == 1 and block.content[1].t == "Strong"))
end

-- Blocks in the page's element `name`, except for titles, which stay with what follows, in the next output, too.
local function with_leads(name, blocks)
  local out, run = pandoc.List(), pandoc.List()
  for _, block in ipairs(blocks) do
    if leads(block) then
      out:extend(#run > 0 and marked(name, run) or {})
      out:extend(marked("lead", { block }))
      run = pandoc.List()
    else
      run:insert(block)
    end
  end
  out:extend(#run > 0 and marked(name, run) or {})
  return out
end

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
    return with_leads(name, blocks)
  end
  if div.classes:includes("code") then
    local _, ends = div.content[1].text:gsub("\n", "")
    local name = string.format("code(lines: %d, output: %s)", ends + 1, #div.content > 1)
    local code = marked(name, { div.content[1] })
    code:extend({ table.unpack(div.content, 2) })
    return code
  end
  if div.classes:includes("markdown") or div.classes:includes("raw") then
    local text = div.content:walk(text_only)
    return #text <= FEW and marked("words", text) or text
  end
end

-- The cells of a row with these numbers.
local function part_of_row(row, numbers)
  local cells = pandoc.List()
  for _, number in ipairs(numbers) do
    cells:insert(row.cells[number])
  end
  return pandoc.Row(cells)
end

local function part_of_table(tbl, numbers)
  local part = tbl:clone()
  local rows = function(list)
    return list:map(function(row) return part_of_row(row, numbers) end)
  end
  part.colspecs = pandoc.List(numbers):map(function(number) return tbl.colspecs[number] end)
  part.head.rows = rows(tbl.head.rows)
  for number, body in ipairs(tbl.bodies) do
    part.bodies[number].body = rows(body.body)
  end
  return part
end

-- A table with many columns, as tables one below the other that all have the first column.
local function parts_of_table(tbl)
  local others = #tbl.colspecs - 1
  local count = math.ceil(others / (BROAD - 1))
  local parts, done = pandoc.List(), 0
  for part = 1, count do
    local last = math.floor(others * part / count + 0.5)
    local numbers = { 1 }
    for number = done + 1, last do
      numbers[#numbers + 1] = number + 1
    end
    parts:insert(part_of_table(tbl, numbers))
    done = last
  end
  return parts
end

-- Columns as wide as their content, aligned left unless they have numbers. All of a short table is on one page.
local function table_(tbl)
  local rows = 0
  for _, body in ipairs(tbl.bodies) do
    rows = rows + #body.body
  end
  for number, column in ipairs(tbl.colspecs) do
    local words = number == 1 or column[1] == pandoc.AlignDefault
    tbl.colspecs[number] = { words and pandoc.AlignLeft or column[1], nil }
  end
  local parts = pandoc.List()
  for _, part in ipairs(#tbl.colspecs > BROAD and parts_of_table(tbl) or { tbl }) do
    parts:extend(rows <= SHORT and marked("whole", { part }) or { part })
  end
  return parts, false
end

-- Cells first: the Markdown of an output can have tables.
return { { Div = cell }, { traverse = "topdown", Table = table_ } }
