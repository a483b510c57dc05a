-- How is the language server `align lsp` used from Neovim?  Starts it, and gives meaning to what is ours in its talk: the commands of code
-- lenses, the plan, and the state of a run.
--
-- Works from Neovim 0.7 on, whose client knows neither `vim.lsp.start` (0.8) nor `vim.lsp.config` (0.11).

local M = {}

local options = {
    -- The program with its first arguments.
    cmd = { "align" },
    -- What marks the folder that programs run in, and in which their results are kept.
    root_markers = { ".align", ".git" },
    -- Code lenses over stages are shown and kept up to date.
    code_lens = true,
    -- Added to `align run`, such as { "--jobs", "2" }.
    run_arguments = {},
    -- What the client is told beside that: `on_attach`, `capabilities`, ..
    lsp = {},
}

-- The last state that the server told of a run.
local run_state = { running = false, text = "" }

local function tell(message, level)
    vim.notify("align: " .. message, level or vim.log.levels.ERROR)
end

-- The closest folder upwards that holds one of the markers, else the folder of the file.
local function root_of(file)
    local folder = vim.fn.fnamemodify(file, ":p:h")
    for _, marker in ipairs(options.root_markers) do
        local at = folder
        while true do
            if vim.loop.fs_stat(at .. "/" .. marker) then
                return at
            end
            local above = vim.fn.fnamemodify(at, ":h")
            if above == at then
                break
            end
            at = above
        end
    end
    return folder
end

local function clients(bufnr)
    local found = {}
    local get = vim.lsp.get_clients or vim.lsp.get_active_clients
    for _, client in ipairs(get()) do
        if client.name == "align" and (not bufnr or vim.lsp.buf_is_attached(bufnr, client.id)) then
            table.insert(found, client)
        end
    end
    return found
end

-- Neovim 0.11 made functions of a client into methods.
local function request(client, method, params, done, bufnr)
    if vim.fn.has("nvim-0.11") == 1 then
        return client:request(method, params, done, bufnr)
    end
    return client.request(method, params, done, bufnr)
end

local function on_run_state(_, state)
    run_state = state
    vim.cmd("redrawstatus!")
end

local function attached(client, bufnr)
    -- Later versions do this by themselves.
    if vim.bo[bufnr].omnifunc == "" then
        vim.bo[bufnr].omnifunc = "v:lua.vim.lsp.omnifunc"
    end
    if vim.bo[bufnr].tagfunc == "" then
        vim.bo[bufnr].tagfunc = "v:lua.vim.lsp.tagfunc"
    end
    if options.code_lens and client.server_capabilities.codeLensProvider then
        vim.api.nvim_create_autocmd({ "BufEnter", "BufWritePost", "InsertLeave" }, {
            buffer = bufnr,
            callback = function()
                vim.lsp.codelens.refresh()
            end,
        })
    end
    if options.lsp.on_attach then
        options.lsp.on_attach(client, bufnr)
    end
end

local function config()
    local command = vim.list_extend(vim.deepcopy(options.cmd), { "lsp" })
    local ours = { name = "align", cmd = command, on_attach = attached, handlers = { ["align/runState"] = on_run_state } }
    local all = vim.tbl_deep_extend("force", vim.deepcopy(options.lsp), ours)
    all.handlers = vim.tbl_extend("keep", all.handlers, options.lsp.handlers or {})
    return all
end

-- For Neovim before 0.11: the client of the buffer's folder, a new one where there is none.
local function attach(bufnr)
    local file = vim.api.nvim_buf_get_name(bufnr)
    if file == "" or vim.bo[bufnr].buftype ~= "" then
        return
    end
    local all = config()
    all.root_dir = root_of(file)
    if vim.lsp.start then
        vim.api.nvim_buf_call(bufnr, function()
            vim.lsp.start(all)
        end)
        return
    end
    for _, client in ipairs(clients()) do
        if client.config.root_dir == all.root_dir then
            vim.lsp.buf_attach_client(bufnr, client.id)
            return
        end
    end
    local id = vim.lsp.start_client(all)
    if id then
        vim.lsp.buf_attach_client(bufnr, id)
    end
end

local function programs()
    local found = {}
    for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
        if vim.api.nvim_buf_is_loaded(bufnr) and vim.bo[bufnr].filetype == "align" then
            table.insert(found, bufnr)
        end
    end
    return found
end

local function start()
    if vim.fn.executable(options.cmd[1]) == 0 then
        tell("there is no program `" .. options.cmd[1] .. "`; see :help align-install", vim.log.levels.WARN)
        return
    end
    if vim.lsp.config and vim.lsp.enable then
        local all = config()
        all.filetypes = { "align" }
        all.root_dir = function(bufnr, found)
            found(root_of(vim.api.nvim_buf_get_name(bufnr)))
        end
        vim.lsp.config("align", all)
        vim.lsp.enable("align")
        return
    end
    vim.api.nvim_create_autocmd("FileType", {
        pattern = "align",
        group = vim.api.nvim_create_augroup("align", {}),
        callback = function(event)
            attach(event.buf)
        end,
    })
    for _, bufnr in ipairs(programs()) do
        attach(bufnr)
    end
end

-- A text in a window of its own, which `q` closes.
local function show(name, text, filetype)
    local shown = vim.fn.bufnr("^" .. vim.fn.escape(name, "[]*?\\") .. "$")
    if shown ~= -1 then
        vim.api.nvim_buf_delete(shown, { force = true })
    end
    vim.cmd("botright new")
    local bufnr = vim.api.nvim_get_current_buf()
    vim.bo[bufnr].buftype = "nofile"
    vim.bo[bufnr].bufhidden = "wipe"
    vim.api.nvim_buf_set_name(bufnr, name)
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split(text:gsub("\n$", ""), "\n"))
    vim.bo[bufnr].modifiable = false
    vim.bo[bufnr].filetype = filetype or ""
    vim.keymap.set("n", "q", "<cmd>close<cr>", { buffer = bufnr })
end

-- The buffer of a program: the one with this address, else the current one.
local function buffer_of(uri)
    local bufnr = uri and vim.uri_to_bufnr(uri) or vim.api.nvim_get_current_buf()
    vim.fn.bufload(bufnr)
    if vim.bo[bufnr].filetype ~= "align" and not vim.api.nvim_buf_get_name(bufnr):match("%.align$") then
        tell("this is no program: open an `.align` file first")
        return nil
    end
    return bufnr
end

--- Runs a program in a terminal, where Ctrl-C writes checkpoints and stops.  With a stage: up to that stage, and what it needs.
function M.run(uri, stage)
    local bufnr = buffer_of(uri)
    if not bufnr then
        return
    end
    vim.api.nvim_buf_call(bufnr, function()
        vim.cmd("silent update")
    end)
    local file = vim.api.nvim_buf_get_name(bufnr)
    local command = vim.list_extend(vim.deepcopy(options.cmd), { "run", file })
    -- An absent stage comes as nothing, as an empty word, or as JSON's null.
    if type(stage) == "string" and stage ~= "" then
        vim.list_extend(command, { "--until", stage })
    end
    vim.list_extend(command, options.run_arguments)
    vim.cmd("botright 15new")
    local where = { cwd = root_of(file) }
    if vim.fn.has("nvim-0.11") == 1 then
        where.term = true
        vim.fn.jobstart(command, where)
    else
        vim.fn.termopen(command, where)
    end
end

--- Asks the server about a program, and says why where it has no answer.
local function about(uri, method, what, answered)
    local bufnr = buffer_of(uri)
    if not bufnr then
        return
    end
    local client = clients(bufnr)[1]
    if not client then
        tell("the language server does not run")
        return
    end
    local params = { textDocument = vim.lsp.util.make_text_document_params(bufnr) }
    request(client, method, params, function(fault, answer)
        if fault or not answer then
            tell(fault and fault.message or ("the program has no " .. what))
            return
        end
        answered(answer)
    end, bufnr)
end

--- Shows what a run would do.
function M.plan(uri)
    about(uri, "align/plan", "plan", function(plan)
        show("align://plan", plan.text)
    end)
end

--- Shows the graph as text, with the state of each node.
function M.graph(uri)
    about(uri, "align/graph", "graph", function(graph)
        local wide = 0
        for _, node in ipairs(graph.nodes) do
            wide = math.max(wide, vim.fn.strdisplaywidth(node.label))
        end
        local lines = {}
        for _, node in ipairs(graph.nodes) do
            local label = node.label .. string.rep(" ", wide - vim.fn.strdisplaywidth(node.label))
            local detail = type(node.detail) == "string" and node.detail or ""
            table.insert(lines, (("%-8s %s  %-8s %s"):format(node.state, label, node.kind, detail):gsub("%s+$", "")))
        end
        show("align://graph", table.concat(lines, "\n"))
    end)
end

--- Stops the language server and starts it again for every program that is open.
function M.restart()
    local old = clients()
    for _, client in ipairs(old) do
        vim.lsp.stop_client(client.id)
    end
    local gone = function()
        return #clients() == 0
    end
    if not vim.wait(3000, gone, 20) then
        for _, client in ipairs(old) do
            vim.lsp.stop_client(client.id, true)
        end
        vim.wait(1000, gone, 20)
    end
    if vim.lsp.config and vim.lsp.enable then
        vim.lsp.enable("align", false)
    end
    start()
end

--- The state of the last run, for a status line: "3 of 17 done, pretrain 42%", or nothing.
function M.status()
    return run_state.text or ""
end

--- Starts the language server for programs, now and whenever one is opened.
function M.setup(given)
    options = vim.tbl_deep_extend("force", options, given or {})
    vim.lsp.commands["align.run"] = function(command)
        M.run(command.arguments[1], command.arguments[2])
    end
    vim.lsp.commands["align.plan"] = function(command)
        M.plan(command.arguments[1])
    end
    vim.lsp.commands["align.show"] = function(command)
        M.graph(command.arguments[1])
    end
    local command = vim.api.nvim_create_user_command
    command("AlignRun", function(args)
        M.run(nil, args.args)
    end, { nargs = "?", desc = "Run this program, or up to one stage of it" })
    command("AlignPlan", function()
        M.plan()
    end, { desc = "Show what a run would do" })
    command("AlignGraph", function()
        M.graph()
    end, { desc = "Show the nodes of this program and their states" })
    command("AlignRestart", function()
        M.restart()
    end, { desc = "Restart the language server" })
    start()
end

return M
