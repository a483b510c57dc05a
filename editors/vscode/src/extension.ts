// What does the editor do beside what the language server tells it?  Finds the server and starts it, runs programs in a terminal, and shows
// plans, the graph and the state of a run.  Nothing here knows the language: whatever needs to is a request to the server.

import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";
import { LanguageClient, State } from "vscode-languageclient/node";
import { GraphPanel, type RunState } from "./graph";

const PROGRAM = process.platform === "win32" ? "align.exe" : "align";

/** What the commands of code lenses and of menus are given: an address as text or as an object, or nothing. */
type Target = vscode.Uri | string | undefined;

let client: LanguageClient | undefined;
let server: string | undefined;
let output: vscode.LogOutputChannel;
let item: vscode.StatusBarItem;
const plans = new Map<string, string>();
const planChanged = new vscode.EventEmitter<vscode.Uri>();

export async function activate(context: vscode.ExtensionContext): Promise<void> {
    output = vscode.window.createOutputChannel("Align", { log: true });
    item = vscode.window.createStatusBarItem("align.status", vscode.StatusBarAlignment.Left, 10);
    item.name = "Align";
    const on = (name: string, what: (...args: never[]) => unknown) =>
        vscode.commands.registerCommand(name, (...args: never[]) => Promise.resolve(what(...args)).catch(tell));
    const restart = () => start(context);
    const show = (target: Target) => GraphPanel.show(context, client, programOf(target));
    context.subscriptions.push(
        output,
        item,
        on("align.run", (target: Target, stage?: string | null) => execute("run", target, typeof stage === "string" ? stage : undefined)),
        on("align.watch", (target: Target) => execute("watch", target)),
        on("align.plan", (target: Target) => showPlan(target)),
        on("align.graph", show),
        on("align.show", show),
        on("align.restart", restart),
        on("align.showOutput", () => output.show()),
        vscode.workspace.registerTextDocumentContentProvider("align-plan", {
            onDidChange: planChanged.event,
            provideTextDocumentContent: (uri) => plans.get(uri.query) ?? "",
        }),
        vscode.workspace.onDidChangeConfiguration((e) => (e.affectsConfiguration("align.server") ? restart() : undefined)),
        vscode.workspace.onDidSaveTextDocument((document) => GraphPanel.saved(document.uri)),
    );
    await start(context);
}

export async function deactivate(): Promise<void> {
    await client?.stop();
}

/** Starts the server, or the new one in place of the old; says what to do when there is none. */
async function start(context: vscode.ExtensionContext): Promise<void> {
    const old = client;
    client = undefined;
    await old?.dispose().catch((e) => output.error(String(e)));
    status("$(sync~spin) Align", "The language server is starting.");
    const found = await find(context);
    server = found.program;
    if (found.fault !== undefined || server === undefined) {
        status("$(warning) Align", found.fault ?? "", "align.restart");
        output.warn(found.fault ?? "");
        void help(context, found.fault ?? "");
        return;
    }
    output.info(`server: ${server} lsp`);
    const run = { command: server, args: ["lsp"], options: { cwd: vscode.workspace.workspaceFolders?.[0]?.uri.fsPath } };
    const next = new LanguageClient("align", "Align", run, {
        documentSelector: [{ language: "align", scheme: "file" }, { language: "align", scheme: "untitled" }],
        outputChannel: output,
        initializationOptions: {},
    });
    next.onDidChangeState(({ newState }) => {
        if (newState === State.Running) status("$(check) Align", `Language server: ${server}`);
        if (newState === State.Stopped && client === next) status("$(warning) Align", "The language server stopped.", "align.showOutput");
    });
    next.onNotification("align/runState", (state: RunState) => {
        const idle = state.running ? "$(pulse)" : "$(check)";
        status(`${idle} Align: ${state.text}`, `${vscode.Uri.parse(state.uri).fsPath}: ${state.text}`);
        GraphPanel.ran(state);
    });
    client = next;
    await next.start();
    GraphPanel.connected(next);
}

/** The program: what the setting says, else the one inside the extension, else the one on the path; and why it cannot serve. */
async function find(context: vscode.ExtensionContext): Promise<{ program?: string; fault?: string }> {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
    const setting = vscode.workspace.getConfiguration("align").get<string>("server.path", "").trim();
    const wanted = setting.replace(/^~(?=[\\/]|$)/, homedir()).replaceAll("${workspaceFolder}", folder);
    if (wanted !== "" && !runnable(wanted)) return { fault: `the setting \`align.server.path\` names \`${wanted}\`, which is no program that can be run.` };
    const onPath = (process.env.PATH ?? "").split(path.delimiter).filter(path.isAbsolute).map((p) => path.join(p, PROGRAM));
    const program = wanted || [context.asAbsolutePath(path.join("server", PROGRAM)), ...onPath].find(runnable);
    if (!program) return { fault: "the program `align` was not found: neither by the setting `align.server.path`, nor in the extension, nor on `PATH`." };
    // A program from before the server says so by its exit status; without this question the editor would restart it five times.
    const serves = await new Promise<boolean>((done) => execFile(program, ["lsp", "--help"], { timeout: 20_000 }, (error) => done(!error)));
    return serves ? { program } : { program, fault: `\`${program}\` has no language server (\`align lsp\`): it is of an older version, or another program.` };
}

function runnable(file: string): boolean {
    try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
    } catch {
        return false;
    }
}

async function help(context: vscode.ExtensionContext, fault: string): Promise<void> {
    const [how, settings] = ["How to install", "Open the setting"];
    const chosen = await vscode.window.showWarningMessage(`Align: ${fault} Colours and snippets work without it.`, how, settings);
    const page = vscode.Uri.joinPath(context.extensionUri, "media", "install.md");
    if (chosen === how) await vscode.commands.executeCommand("markdown.showPreview", page);
    if (chosen === settings) await vscode.commands.executeCommand("workbench.action.openSettings", "align.server.path");
}

function status(text: string, tooltip: string, command = "align.graph"): void {
    Object.assign(item, { text, tooltip, command });
    item.show();
}

/** The address of the program that a command is about: the one it was given, else the one being edited. */
function programOf(target: Target): vscode.Uri {
    if (typeof target === "string") return vscode.Uri.parse(target);
    if (target instanceof vscode.Uri) return target;
    const document = vscode.window.activeTextEditor?.document;
    if (document?.languageId === "align") return document.uri;
    const shown = vscode.window.visibleTextEditors.find((editor) => editor.document.languageId === "align");
    if (shown) return shown.document.uri;
    throw new Error("open an `.align` file first");
}

/** `align run` or `align watch` in a terminal, where Ctrl-C writes checkpoints and stops. */
async function execute(verb: "run" | "watch", target: Target, stage?: string): Promise<void> {
    const uri = programOf(target);
    if (server === undefined) throw new Error("the program `align` was not found; *Align: Restart the Language Server* looks for it again");
    if (uri.scheme !== "file") throw new Error("save the program first: only a file can be run");
    await vscode.workspace.textDocuments.find((d) => d.uri.toString() === uri.toString())?.save();
    const folder = vscode.workspace.getWorkspaceFolder(uri);
    // The store is in the folder that the program runs in: the workspace's, so that all its programs share results.
    const cwd = folder?.uri.fsPath ?? path.dirname(uri.fsPath);
    const extra = vscode.workspace.getConfiguration("align", uri).get<string[]>("run.arguments", []);
    const file = path.relative(cwd, uri.fsPath);
    const args = [verb, file, ...(stage === undefined ? [] : ["--until", stage]), ...extra];
    const name = ["align", verb, path.basename(file), stage].filter(Boolean).join(" ");
    // A process and not a line of a shell, so that no path needs quoting.
    const process = new vscode.ProcessExecution(server, args, { cwd });
    const task = new vscode.Task({ type: "align", verb, file, stage }, folder ?? vscode.TaskScope.Workspace, name, "align", process, []);
    task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated, clear: true, showReuseMessage: false };
    await vscode.tasks.executeTask(task);
}

/** What a run would do, as a text beside the program. */
async function showPlan(target: Target): Promise<void> {
    const uri = programOf(target);
    if (!client?.isRunning()) throw new Error("the language server does not run");
    const plan = await client.sendRequest<{ text: string }>("align/plan", { textDocument: { uri: uri.toString() } });
    const page = vscode.Uri.from({ scheme: "align-plan", path: `${path.basename(uri.path)} (plan)`, query: uri.toString() });
    plans.set(page.query, plan.text);
    planChanged.fire(page);
    await vscode.window.showTextDocument(page, { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true });
}

function tell(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    output.error(message);
    void vscode.window.showErrorMessage(`Align: ${message}`);
}
