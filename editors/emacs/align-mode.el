;;; align-mode.el --- Programs of the Align language  -*- lexical-binding: t; -*-

;; Version: 0.2.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages
;; SPDX-License-Identifier: MIT OR Apache-2.0

;;; Commentary:

;; How are `.align' files edited, checked and run from Emacs?
;;
;; Colours go by shape alone: no name of the standard library stands here, so that a new builtin needs no change.  Messages, completion,
;; hover, rename and formatting come from the language server `align lsp' through Eglot:
;;
;;     (require 'align-mode)
;;     (add-hook 'align-mode-hook #'eglot-ensure)
;;
;; Emacs has a library `align' of its own, which lays out columns; nothing here touches it.

;;; Code:

(require 'cl-lib)
(require 'compile)
(require 'project)
(require 'url-util)

(defvar eglot-server-programs)
(declare-function eglot-current-server "eglot" ())
(declare-function eglot--TextDocumentIdentifier "eglot" ())
(declare-function jsonrpc-request "jsonrpc")

(defgroup align-mode nil
  "Programs of the Align language."
  :group 'languages
  :prefix "align-mode-")

(defcustom align-mode-program "align"
  "The program `align', which runs programs and holds the language server."
  :type 'string)

(defcustom align-mode-run-arguments nil
  "Added to `align run', such as (\"--jobs\" \"2\")."
  :type '(repeat string))

(defvar align-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?/ ". 124b" table)
    (modify-syntax-entry ?* ". 23" table)
    (modify-syntax-entry ?\n "> b" table)
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?_ "_" table)
    (modify-syntax-entry ?. "." table)
    table)
  "Comments are `// ..' and `/* .. */', strings stand in double quotes.")

(defconst align-mode--items
  '("use" "param" "let" "pipeline" "dataset" "model" "stage" "sequence" "cascade" "sweep" "policy" "report"))

(defconst align-mode--words
  '("align" "as" "of" "trains" "on" "in" "from" "by" "every" "eval" "checkpoint" "until" "without" "expect" "and" "or" "not" "else"))

(defvar align-mode-font-lock-keywords
  (let ((name "[A-Za-z_][A-Za-z0-9_]*"))
    `((,(concat "^[ \t]*" (regexp-opt align-mode--items 'symbols) "[ \t]+\\(" name "\\)")
       (1 font-lock-keyword-face)
       (2 font-lock-type-face))
      (,(concat "^[ \t]*" (regexp-opt align-mode--items 'symbols)) 1 font-lock-keyword-face)
      ;; What stands before a sign is a name, whatever the word.
      (,(concat "\\_<\\(" name "\\(?:\\." name "\\)*\\)[ \t]*=\\(?:[^=>]\\|$\\)") 1 font-lock-variable-name-face)
      (,(concat "\\_<\\(" name "\\(?:\\." name "\\)*\\)[ \t]*:") 1 font-lock-variable-name-face)
      (,(concat "\\_<\\(" name "\\)[ \t]*=>") 1 font-lock-constant-face)
      (,(concat "\\_<\\(" name "\\)(") 1 font-lock-function-name-face)
      (,(regexp-opt align-mode--words 'symbols) . font-lock-keyword-face)
      (,(regexp-opt '("true" "false" "off") 'symbols) . font-lock-constant-face)
      ;; A unit stands on the line of its number.
      (,(concat "\\_<[0-9][0-9_]*\\(?:\\.[0-9]+\\)?\\(?:[eE][+-]?[0-9]+\\)?[kMG]?[ \t]*\\(%\\|" name "\\)")
       1 font-lock-type-face keep)))
  "Colours by shape.")

(defun align-mode-indent-line ()
  "Indents the line by the brackets that are open before it."
  (interactive)
  (let* ((back (- (point-max) (point)))
         (depth (save-excursion
                  (back-to-indentation)
                  (let ((open (car (syntax-ppss))))
                    (if (looking-at "[]})]") (max 0 (1- open)) open)))))
    (indent-line-to (* depth tab-width))
    (when (> (- (point-max) back) (point))
      (goto-char (- (point-max) back)))))

(defvar-local align-mode--run-state nil
  "What the language server last told of a run of this program.")

(defvar align-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'align-mode-run)
    (define-key map (kbd "C-c C-p") #'align-mode-plan)
    map)
  "Keys of programs.")

;;;###autoload
(define-derived-mode align-mode prog-mode "Align"
  "Programs that train diffusion models for control."
  (setq-local comment-start "// ")
  (setq-local comment-end "")
  (setq-local comment-start-skip "//+[ \t]*\\|/\\*+[ \t]*")
  (setq-local indent-tabs-mode nil)
  (setq-local tab-width 4)
  (setq-local indent-line-function #'align-mode-indent-line)
  (setq-local electric-indent-chars (append "]})" electric-indent-chars))
  (setq-local font-lock-defaults '(align-mode-font-lock-keywords))
  (setq-local mode-line-process '(:eval (and align-mode--run-state (concat ": " align-mode--run-state)))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.align\\'" . align-mode))

(defun align-mode--server (_interactive &rest _)
  "The command line of the language server."
  (list align-mode-program "lsp"))

(defun align-mode--folder ()
  "The folder that programs run in: the project's, so that they share results."
  ;; The language server is started there too, and looks for results where runs leave them.
  (let ((project (project-current)))
    (if project (project-root project) default-directory)))

(defun align-mode-run (&optional stage)
  "Runs the program of this buffer; a prefix argument asks for a last STAGE."
  (interactive (list (and current-prefix-arg (read-string "Up to stage: "))))
  (save-buffer)
  (let* ((file (buffer-file-name))
         (default-directory (align-mode--folder))
         (until (and stage (not (equal stage "")) (list "--until" stage)))
         ;; A compilation buffer shows lines; a progress bar that is drawn over itself would be noise there.
         (compilation-environment (cons "TERM=dumb" compilation-environment))
         (words `(,align-mode-program "run" ,(file-relative-name file) ,@until ,@align-mode-run-arguments)))
    (compile (mapconcat #'shell-quote-argument words " "))))

(defun align-mode-plan ()
  "Shows what a run would do."
  (interactive)
  (let ((server (or (eglot-current-server) (user-error "The language server does not run: M-x eglot"))))
    (let ((plan (jsonrpc-request server :align/plan (list :textDocument (eglot--TextDocumentIdentifier)))))
      (with-current-buffer (get-buffer-create "*align plan*")
        (let ((inhibit-read-only t))
          (erase-buffer)
          (insert (plist-get plan :text))
          (goto-char (point-min)))
        (special-mode)
        (display-buffer (current-buffer))))))

(defun align-mode--told (uri text)
  "Takes up what the server told: TEXT on the run of the program at URI."
  (let* ((path (url-unhex-string (replace-regexp-in-string "\\`file://" "" uri)))
         (buffer (find-buffer-visiting (decode-coding-string path 'utf-8))))
    (when buffer
      (with-current-buffer buffer
        (setq align-mode--run-state text)
        (force-mode-line-update)))))

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '(align-mode . align-mode--server))
  ;; Written as data, as the method cannot be defined before Eglot's generic function is there.
  (eval '(cl-defmethod eglot-handle-notification (_server (_method (eql align/runState)) &key uri text &allow-other-keys)
           "The state of a run, into the mode line."
           (align-mode--told uri text))
        t))

(provide 'align-mode)
;;; align-mode.el ends here
