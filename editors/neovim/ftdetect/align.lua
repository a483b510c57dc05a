-- Which files are programs of the language?
vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, {
    pattern = "*.align",
    callback = function()
        vim.bo.filetype = "align"
    end,
})
