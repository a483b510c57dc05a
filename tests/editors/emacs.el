;;; emacs.el --- The journey of Emacs  -*- lexical-binding: t; -*-

;;; Commentary:

;; Does `align-mode' do in a real Emacs what it promises?  Run by `emacs.sh', in batch.
;;
;; Variables: ALIGN_BIN, the program; ALIGN_EDITORS, the folder `editors'; ALIGN_STUDY, a copy of `study.align' to edit.

;;; Code:

(require 'cl-lib)
(require 'package)
;; Debian's Eglot is a package; from Emacs 29 on it is a part of Emacs.
(package-initialize)
(require 'eglot)
(require 'flymake)

(add-to-list 'load-path (expand-file-name "emacs" (getenv "ALIGN_EDITORS")))
(require 'align-mode)

;; A batch reads no events of files, and while one waits it does not hear that a process has ended.
(cl-defmethod eglot-register-capability ((_server t) (_method (eql workspace/didChangeWatchedFiles)) _id &rest _)
  "Watches nothing."
  nil)

(defconst journey-wait 60 "Seconds until a station has failed.")
(defvar journey-stations 0)

(setq align-mode-program (getenv "ALIGN_BIN")
      align-mode-run-arguments '("--jobs" "1")
      eglot-sync-connect 30
      eglot-confirm-server-initiated-edits nil
      compilation-ask-about-save nil
      ;; A batch has no keyboard to ask at, and what Eglot tells of itself is not the subject.
      use-dialog-box nil
      inhibit-message t)

(defun journey-until (what asked wanted)
  "Asks until the answer is wanted; WHAT is said otherwise.  ASKED gives an answer, WANTED judges it."
  (let ((end (+ (float-time) journey-wait)) last)
    (while (not (progn (setq last (funcall asked)) (funcall wanted last)))
      (when (> (float-time) end)
        (error "%s; the last that was seen: %S" what last))
      (accept-process-output nil 0.1))
    last))

(defmacro journey-station (name &rest body)
  "One station, NAME, that is told when BODY did not signal an error."
  (declare (indent 1))
  `(condition-case fault
       (progn ,@body
              (setq journey-stations (1+ journey-stations))
              (princ (format "ok  %s\n" ,name)))
     (error
      (princ (format "failed: %s: %s\n" ,name (error-message-string fault)))
      (kill-emacs 1))))

(defun journey-onto (text)
  "The cursor onto TEXT."
  (goto-char (point-min))
  (search-forward text)
  (goto-char (match-beginning 0)))

(defun journey-has (text)
  "A judge of answers that hold TEXT."
  (lambda (seen) (and (stringp seen) (string-match-p (regexp-quote text) seen))))

(defun journey-tell ()
  "Tells the server of edits: Eglot does when the user pauses, and a batch never pauses."
  (eglot--signal-textDocument/didChange))

(defun journey-messages ()
  "The messages on this buffer."
  (journey-tell)
  (flymake-start)
  (mapconcat #'flymake-diagnostic-text (flymake-diagnostics) "\n"))

(princ (format "Emacs %s\n" emacs-version))
(find-file (getenv "ALIGN_STUDY"))

(journey-station "mode and colours"
  (cl-assert (eq major-mode 'align-mode))
  (font-lock-ensure)
  (cl-loop for (text . face) in '(("dataset" . font-lock-keyword-face)
                                  ("rollouts" . font-lock-type-face)
                                  ("collect" . font-lock-function-name-face)
                                  ("\"maze2d" . font-lock-string-face)
                                  ("horizon" . font-lock-variable-name-face)
                                  ("steps" . font-lock-type-face))
           do (journey-onto text)
           do (unless (eq (get-text-property (point) 'face) face)
                (error "`%s' has the face %s" text (get-text-property (point) 'face)))))

(journey-station "indentation"
  (let ((before (buffer-string)))
    (indent-region (point-min) (point-max))
    (unless (equal before (buffer-string)) (error "it moves lines of a program that is laid out"))))

(journey-station "server"
  (call-interactively #'eglot)
  (journey-until "Eglot does not manage the buffer" #'eglot-current-server #'identity))

(journey-station "diagnostics"
  (journey-until "no message about `rollots'" #'journey-messages (journey-has "rollots")))

(journey-station "quick fix"
  (journey-onto "rollots")
  (let* ((actions (jsonrpc-request
                   (eglot-current-server) :textDocument/codeAction
                   (list :textDocument (eglot--TextDocumentIdentifier)
                         :range (list :start (eglot--pos-to-lsp-position (point)) :end (eglot--pos-to-lsp-position (+ (point) 7)))
                         :context (list :diagnostics (vconcat (mapcar (lambda (d) (cdr (assoc 'eglot-lsp-diag (eglot--diag-data d))))
                                                                      (flymake-diagnostics)))))))
         (fix (cl-find "quickfix" actions :key (lambda (action) (plist-get action :kind)) :test #'equal)))
    (unless fix (error "no quick fix among %S" actions))
    (eglot--apply-workspace-edit (plist-get fix :edit)))
  (journey-until "the fix was not made" #'buffer-string (journey-has "on rollouts {"))
  (journey-until "the message stays" #'journey-messages #'string-empty-p))

(journey-station "hover"
  (journey-onto "denoise()")
  (let (said)
    (eglot-hover-eldoc-function (lambda (text &rest _) (setq said text)))
    (journey-until "no page about `denoise'" (lambda () (and said (substring-no-properties said)))
                   (lambda (seen) (and seen (> (length seen) 20) (string-match-p "denois" (downcase seen)))))))

(journey-station "completion"
  (journey-onto "denoise()")
  (end-of-line)
  (insert "\n    opt")
  (let* ((found (eglot-completion-at-point))
         (words (all-completions "opt" (nth 2 found))))
    (unless (cl-some (lambda (word) (string-prefix-p "optim" (string-trim word))) words)
      (error "`optim' is not offered, only %S" words)))
  (delete-region (line-beginning-position) (1+ (line-end-position)))
  (journey-tell))

(journey-station "rename"
  (journey-onto "planner {")
  (eglot-rename "drafter")
  (unless (and (= (how-many "drafter" (point-min) (point-max)) 3) (= (how-many "planner" (point-min) (point-max)) 0))
    (error "not every use has the new name: %s" (buffer-string))))

(journey-station "format"
  (journey-onto "budget = 2k")
  (forward-word)
  (insert "    ")
  (journey-tell)
  (eglot-format-buffer)
  (journey-until "the line was not laid out" #'buffer-string (journey-has "\n    budget = 2k steps\n"))
  (save-buffer))

(journey-station "plan"
  (align-mode-plan)
  (journey-until "the plan is not shown" (lambda () (with-current-buffer "*align plan*" (buffer-string))) (journey-has "plan:")))

(journey-station "run"
  (let ((program (current-buffer)) told)
    (align-mode-run "pretrain")
    (journey-until "the run did not come to its end"
                   (lambda ()
                     (setq told (or (buffer-local-value 'align-mode--run-state program) told))
                     (with-current-buffer "*compilation*" (buffer-string)))
                   (journey-has "Compilation finished"))
    (journey-until "the server told nothing of the run"
                   (lambda () (or (buffer-local-value 'align-mode--run-state program) told))
                   (journey-has "done"))))

(eglot-shutdown (eglot-current-server))
(princ (format "%d stations passed\n" journey-stations))

;;; emacs.el ends here
