-- How is a program edited, with or without a language server?
vim.bo.commentstring = "// %s"
vim.bo.comments = "s1:/*,mb:*,ex:*/,:///,://"
vim.bo.expandtab = true
vim.bo.shiftwidth = 4
vim.bo.softtabstop = 4
vim.bo.smartindent = true
vim.b.undo_ftplugin = "setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< smartindent<"

-- With the parser of `tree-sitter-align` colours follow the grammar, without it the shapes of `syntax/align.vim`.
if vim.treesitter.start and #vim.api.nvim_get_runtime_file("parser/align.*", false) > 0 then
    vim.treesitter.start()
end
