-- Does the plugin do in a real Neovim what it promises?  Drives a second Neovim by keys, as a user would, and looks at what it shows.
--
--   nvim --headless -u NONE -l neovim.lua          (run by `neovim.sh`; before 0.9: -c 'luafile neovim.lua')
--
-- Variables: ALIGN_BIN, the program; ALIGN_EDITORS, the folder `editors`; ALIGN_STUDY, a copy of `study.align` to edit; ALIGN_SITE, a folder
-- with the parser and the queries of `tree-sitter-align`, or nothing.

local program = assert(os.getenv("ALIGN_BIN"), "ALIGN_BIN is not set")
local editors = assert(os.getenv("ALIGN_EDITORS"), "ALIGN_EDITORS is not set")
local study = assert(os.getenv("ALIGN_STUDY"), "ALIGN_STUDY is not set")

local WAIT_MS = 60000
local editor

local function lua(code, ...)
    return vim.rpcrequest(editor, "nvim_exec_lua", code, { ... })
end

local function keys(text)
    vim.rpcrequest(editor, "nvim_input", text)
end

local function on_disk()
    return table.concat(vim.fn.readfile(study), "\n")
end

-- Asks until the answer is wanted; says what it last was otherwise.
local function wait_for(what, asked, wanted)
    local last
    local fine = vim.wait(WAIT_MS, function()
        last = asked()
        return wanted(last)
    end, 100)
    if not fine then
        error(what .. "; the last that was seen: " .. vim.inspect(last), 0)
    end
    return last
end

local function has(text)
    return function(seen)
        return type(seen) == "string" and seen:find(text, 1, true) ~= nil
    end
end

-- The cursor onto a text of the file.
local function onto(text)
    local found = lua([[ return vim.fn.search("\\V" .. (...), "cw") ]], text)
    assert(found > 0, "`" .. text .. "` is not in the file")
end

local function messages()
    return lua([[
        local all = {}
        for _, found in ipairs(vim.diagnostic.get(0)) do
            table.insert(all, (found.code or "") .. ": " .. found.message)
        end
        return table.concat(all, "\n")
    ]])
end

-- What stands in a floating window.
local function floating()
    return lua([[
        for _, window in ipairs(vim.api.nvim_list_wins()) do
            if vim.api.nvim_win_get_config(window).relative ~= "" then
                return table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), "\n")
            end
        end
        return ""
    ]])
end

local function buffer()
    return lua([[ return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n") ]])
end

local stations = {}

local function station(name, what)
    table.insert(stations, { name = name, what = what })
end

station("filetype and colours", function()
    local kind = lua([[ return vim.bo.filetype .. " " .. vim.bo.commentstring ]])
    assert(kind == "align // %s", "the file is " .. kind)
    local groups = lua([[
        local function at(line, column)
            return vim.fn.synIDattr(vim.fn.synID(line, column, 1), "name")
        end
        return { at(3, 1), at(4, 15), at(4, 23), at(5, 15), at(5, 18) }
    ]])
    local wanted = { "alignItem", "alignCall", "alignString", "alignNumber", "alignUnit" }
    assert(vim.deep_equal(groups, wanted), "colours are " .. vim.inspect(groups))
end)

station("diagnostics", function()
    wait_for("no message about `rollots`", messages, function(seen)
        return has("A1001")(seen) and has("rollots")(seen)
    end)
end)

station("quick fix", function()
    onto("rollots")
    -- Without a user interface `vim.ui.select` cannot ask: it takes the first.
    lua([[ vim.ui.select = function(items, _, chosen) chosen(items[1], 1) end ]])
    lua([[ vim.lsp.buf.code_action() ]])
    wait_for("the fix was not made", buffer, has("planner on rollouts {"))
    wait_for("the message stays", messages, function(seen)
        return seen == ""
    end)
    keys(":write<CR>")
    wait_for("the fix was not written", on_disk, has("planner on rollouts {"))
end)

station("hover", function()
    onto("denoise()")
    lua([[ vim.lsp.buf.hover() ]])
    wait_for("no page about `denoise`", floating, function(seen)
        return seen:lower():find("denois") ~= nil and #seen > 30
    end)
end)

station("completion", function()
    onto("denoise()")
    keys("oopt<C-x><C-o>")
    wait_for("`optim` is not offered", function()
        return lua([[
            local words = {}
            for _, item in ipairs(vim.fn.complete_info({ "items" }).items) do
                table.insert(words, item.word)
            end
            return table.concat(words, " ")
        ]])
    end, has("optim"))
    keys("<Esc>u")
    wait_for("the line is still there", buffer, function(seen)
        return not seen:find("\n%s*opt")
    end)
end)

station("rename", function()
    onto("planner {")
    lua([[ vim.lsp.buf.rename("drafter") ]])
    wait_for("not every use has the new name", buffer, function(seen)
        local _, count = seen:gsub("drafter", "")
        return count == 3 and not seen:find("planner")
    end)
end)

station("format", function()
    lua([[ vim.cmd("%s/budget = 2k/budget    =  2k/") ]])
    lua([[ if vim.lsp.buf.format then vim.lsp.buf.format() else vim.lsp.buf.formatting_sync(nil, 20000) end ]])
    wait_for("the line was not laid out", buffer, has("\n    budget = 2k steps\n"))
    keys(":write<CR>")
    wait_for("the file was not written", on_disk, has("drafter"))
end)

station(":AlignPlan", function()
    keys(":AlignPlan<CR>")
    wait_for("the plan is not shown", buffer, function(seen)
        return has("plan:")(seen) and has("pretrain")(seen)
    end)
    keys("q")
end)

station(":AlignGraph", function()
    wait_for("the plan is still shown", buffer, has("align 1"))
    keys(":AlignGraph<CR>")
    wait_for("the graph is not shown", buffer, function(seen)
        return has("controller")(seen) and not has("align 1")(seen)
    end)
    keys("q")
end)

station("code lens", function()
    wait_for("the graph is still shown", buffer, has("align 1"))
    lua([[ vim.lsp.codelens.refresh() ]])
    wait_for("no code lens runs a stage", function()
        return lua([[
            local all = {}
            for _, lens in ipairs(vim.lsp.codelens.get(0)) do
                table.insert(all, lens.command and lens.command.command or "")
            end
            return table.concat(all, " ")
        ]])
    end, has("align.run"))
end)

station(":AlignRun", function()
    keys(":AlignRun pretrain<CR>")
    local seen = { state = "" }
    wait_for("the run did not come to its end", function()
        local state = lua([[ return require("align").status() ]])
        seen.state = state ~= "" and state or seen.state
        return buffer()
    end, has("report:"))
    wait_for("the server told nothing of the run", function()
        local state = lua([[ return require("align").status() ]])
        return seen.state ~= "" and seen.state or state
    end, has("done"))
    keys("<C-\\><C-n>:close<CR>")
end)

station(":AlignRestart", function()
    wait_for("the run is still shown", buffer, has("align 1"))
    local ids = [[
        local get = vim.lsp.get_clients or vim.lsp.get_active_clients
        local all = {}
        for _, client in ipairs(get()) do
            table.insert(all, client.id)
        end
        return all
    ]]
    local before = lua(ids)
    lua([[ require("align").restart() ]])
    wait_for("no new server", function()
        return lua(ids)
    end, function(now)
        return #now == 1 and now[1] ~= before[1]
    end)
    onto("denoise()")
    wait_for("the new server does not answer", function()
        lua([[ vim.lsp.buf.hover() ]])
        vim.wait(500)
        return floating()
    end, function(seen)
        return seen:lower():find("denois") ~= nil
    end)
end)

-- Before 0.9 Neovim starts no highlighting of a parser by itself.
local site = os.getenv("ALIGN_SITE")
if site and site ~= "" and vim.treesitter.start then
    station("colours by tree-sitter", function()
        lua([[
            vim.opt.runtimepath:prepend((...))
            vim.cmd("edit")
            vim.treesitter.get_parser(0):parse(true)
        ]], site)
        onto("rollouts {")
        local captures = lua([[
            local at = vim.api.nvim_win_get_cursor(0)
            local all = {}
            for _, found in ipairs(vim.treesitter.get_captures_at_pos(0, at[1] - 1, at[2])) do
                table.insert(all, found.capture)
            end
            return table.concat(all, " ")
        ]])
        assert(captures:find("type"), "`rollouts` is " .. captures)
    end)
end

local function open()
    local command = { vim.v.progpath, "--embed", "--headless", "-u", "NONE", "-i", "NONE", "-n" }
    editor = vim.fn.jobstart(command, { rpc = true, cwd = vim.fn.fnamemodify(study, ":h") })
    assert(editor > 0, "the editor did not start")
    lua([[
        local editors, program, study = ...
        vim.opt.runtimepath:prepend(editors .. "/neovim")
        vim.cmd("filetype plugin on | syntax on")
        vim.o.hidden = true
        vim.o.completeopt = "menuone,noselect"
        require("align").setup({ cmd = { program }, run_arguments = { "--jobs", "1" } })
        vim.cmd("edit " .. vim.fn.fnameescape(study))
    ]], editors, program, study)
end

local function journey()
    open()
    for _, each in ipairs(stations) do
        local fine, fault = pcall(each.what)
        if not fine then
            local _, said = pcall(lua, [[ return vim.fn.execute("messages") ]])
            return each.name .. ": " .. tostring(fault) .. "\nmessages of the editor:\n" .. tostring(said)
        end
        io.stdout:write("ok  " .. each.name .. "\n")
    end
end

local version = vim.version()
io.stdout:write(("Neovim %d.%d.%d\n"):format(version.major, version.minor, version.patch))
local fine, fault = pcall(journey)
fault = fine and fault or (not fine and fault) or nil
if editor and editor > 0 then
    vim.fn.jobstop(editor)
end
if fault then
    io.stdout:write("failed: " .. tostring(fault) .. "\n")
    vim.cmd("cquit 1")
end
io.stdout:write(#stations .. " stations passed\n")
vim.cmd("qall!")
