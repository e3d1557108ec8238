-- Binary trees and string building.
local function tree(depth)
    if depth == 0 then return {} end
    return { tree(depth - 1), tree(depth - 1) }
end
local function count(node)
    if not node[1] then return 1 end
    return 1 + count(node[1]) + count(node[2])
end
local total = 0
for _ = 1, 60 do total = total + count(tree(12)) end
local parts = {}
for i = 1, 60000 do parts[#parts + 1] = ("%d:%s"):format(i, ("x"):rep(i % 40)) end
print(total, #table.concat(parts, ","))
