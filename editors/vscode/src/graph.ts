// How does a program's graph look beside it, and what is each node doing?  One panel: the server's picture, and a table of its nodes.
//
// The picture is drawn by the server, with states as colours; here it is only asked for anew, on every save and as a run goes on.

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { LanguageClient, Range } from "vscode-languageclient/node";

interface Node {
    id: string;
    label: string;
    kind: string;
    state: string;
    detail: string;
    /** Where it is defined: a program's nodes may stand in files that it uses. */
    uri?: string;
    range?: Range | null;
}

interface Graph {
    nodes: Node[];
    svg: string;
}

/** What the server tells of a run, again and again while it goes on. */
export interface RunState {
    uri: string;
    running: boolean;
    text: string;
    nodes: { id: string; state: string; detail: string }[];
}

/** A run tells its state many times a second; a new picture that often would only flicker. */
const PICTURE_EVERY_MS = 400;

export class GraphPanel {
    private static current: GraphPanel | undefined;

    private graph: Graph | undefined;
    private run: RunState | undefined;
    private fault = "";
    private waiting: NodeJS.Timeout | undefined;

    /** Shows the graph of a program: in the panel that is open, else in a new one beside the program. */
    static async show(context: vscode.ExtensionContext, client: LanguageClient | undefined, uri: vscode.Uri): Promise<void> {
        const media = vscode.Uri.joinPath(context.extensionUri, "media");
        GraphPanel.current ??= new GraphPanel(media);
        const panel = GraphPanel.current;
        if (panel.uri?.toString() !== uri.toString()) panel.run = undefined;
        panel.client = client;
        panel.uri = uri;
        panel.view.title = `Graph: ${uri.path.split("/").pop()}`;
        panel.view.reveal(undefined, true);
        await panel.ask();
    }

    /** A program was saved. */
    static saved(uri: vscode.Uri): void {
        // A module that the program uses changes its graph too, so that every saved program counts.
        if (uri.path.endsWith(".align")) void GraphPanel.current?.ask();
    }

    /** A run told its state. */
    static ran(state: RunState): void {
        const panel = GraphPanel.current;
        if (panel?.uri?.toString() !== vscode.Uri.parse(state.uri).toString()) return;
        panel.run = state;
        panel.post();
        panel.waiting ??= setTimeout(() => {
            panel.waiting = undefined;
            void panel.ask();
        }, PICTURE_EVERY_MS);
    }

    /** The server was started anew. */
    static connected(client: LanguageClient): void {
        if (!GraphPanel.current) return;
        GraphPanel.current.client = client;
        void GraphPanel.current.ask();
    }

    private readonly view: vscode.WebviewPanel;
    private client: LanguageClient | undefined;
    private uri: vscode.Uri | undefined;

    private constructor(media: vscode.Uri) {
        const where = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
        this.view = vscode.window.createWebviewPanel("align.graph", "Graph", where, { enableScripts: true, localResourceRoots: [media] });
        this.view.webview.onDidReceiveMessage((message: { ready?: boolean; go?: string }) => {
            if (message.ready) this.post();
            if (message.go !== undefined) void this.go(message.go);
        });
        this.view.onDidDispose(() => {
            clearTimeout(this.waiting);
            GraphPanel.current = undefined;
        });
        this.view.webview.html = page(this.view.webview, media);
    }

    private async ask(): Promise<void> {
        const asked = this.uri?.toString();
        if (asked === undefined) return;
        try {
            if (!this.client?.isRunning()) throw new Error("the language server does not run");
            const graph = await this.client.sendRequest<Graph | null>("align/graph", { textDocument: { uri: asked } });
            if (this.uri?.toString() !== asked) return;
            if (!graph) throw new Error("the program has no graph while it has errors");
            this.graph = graph;
            this.fault = "";
            // After a run the store is what counts: an edit may have made what it trained stale.
            if (this.run && !this.run.running) this.run = { ...this.run, nodes: [] };
        } catch (error) {
            // The last good picture stays, as the last plan stays valid: a half-typed line is no reason to lose sight of a run.
            this.fault = error instanceof Error ? error.message : String(error);
        }
        this.post();
    }

    private post(): void {
        const told = new Map(this.run?.nodes.map((node) => [node.id, node]));
        const nodes = (this.graph?.nodes ?? []).map((node) => ({ ...node, ...told.get(node.id) }));
        void this.view.webview.postMessage({
            svg: this.graph?.svg ?? "",
            nodes,
            text: this.run?.text ?? "",
            running: this.run?.running ?? false,
            fault: this.fault,
        });
    }

    /** To where a node is defined. */
    private async go(id: string): Promise<void> {
        const { uri, range } = this.graph?.nodes.find((node) => node.id === id) ?? {};
        const file = uri === undefined ? this.uri : vscode.Uri.parse(uri);
        if (!file || !range) return;
        const selection = new vscode.Range(range.start.line, range.start.character, range.end.line, range.end.character);
        await vscode.window.showTextDocument(file, { viewColumn: vscode.ViewColumn.One, selection });
    }
}

function page(webview: vscode.Webview, media: vscode.Uri): string {
    const file = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(media, name)).toString();
    const nonce = randomBytes(16).toString("hex");
    // The picture brings a style sheet inside it; scripts run by the nonce alone, whatever a picture holds.
    const policy = `default-src 'none'; style-src ${webview.cspSource} 'unsafe-inline'; script-src 'nonce-${nonce}'`;
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${file("graph.css")}">
<title>Graph</title>
</head>
<body>
<p id="text" role="status"></p>
<p id="fault" role="alert"></p>
<div id="picture"></div>
<table id="nodes"><tbody></tbody></table>
<script nonce="${nonce}" src="${file("graph.js")}"></script>
</body>
</html>`;
}
