// Does the extension do in the real workbench what it promises?  One journey as a user makes it, with a picture of every station.
//
//   node vscode.mjs              with the program `target/release/align`, or the one that ALIGN_BIN names
//   node vscode.mjs --missing    only the stations that need no language server
//
// Pictures go into `vscode-pictures` in the cache (ALIGN_EDITORS_CACHE, else `target/editors`).  Ends with status 1 at the first station that fails.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Workbench, cache, packed, root } from "./workbench.mjs";

const program = path.resolve(process.env.ALIGN_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "release/align"));
const pictures = path.join(cache, "vscode-pictures");
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "align-vscode-"));
const folder = path.join(scratch, "work");
const file = path.join(folder, "study.align");
const WAIT = 60_000;

let page;
let stations = 0;

/** One station: what should happen, told when it did and when it did not; a picture either way. */
async function station(name, what) {
    stations += 1;
    const picture = path.join(pictures, `${String(stations).padStart(2, "0")}-${name.replaceAll(" ", "-")}.png`);
    try {
        await what();
    } catch (error) {
        await page.screenshot({ path: picture.replace(".png", "-FAILED.png") }).catch(() => {});
        throw new Error(`${name}: ${error.message}`);
    }
    // What slides in has arrived by then.
    await pause(400);
    await page.screenshot({ path: picture });
    console.log(`ok  ${name}`);
}

/** Asks until the answer is wanted; says what it last was otherwise. */
async function until(asked, wanted, what, limit = WAIT) {
    const end = Date.now() + limit;
    let last;
    while (Date.now() < end) {
        last = await asked();
        if (wanted(last)) return last;
        await pause(200);
    }
    throw new Error(`${what}; the last that was seen: ${JSON.stringify(last)?.slice(0, 600)}`);
}

const text = (selector) => page.locator(selector).allInnerTexts().then((all) => all.join("\n").replaceAll("\u00a0", " "));
const onDisk = () => fs.readFileSync(file, "utf8");

async function command(title) {
    await page.keyboard.press("F1");
    await page.locator(".quick-input-widget input").first().fill(`>${title}`);
    await page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
}

async function save() {
    await page.keyboard.press("Control+s");
}

/** The cursor to a place, both counted from 1. */
async function place(line, column) {
    await page.keyboard.press("Control+1");
    await page.keyboard.press("Control+g");
    await page.locator(".quick-input-widget input").first().fill(`:${line}:${column}`);
    await page.keyboard.press("Enter");
}

/** Where a text first stands in the file on disk, as a line and a column from 1. */
function find(wanted) {
    const before = onDisk().split(wanted);
    if (before.length < 2) throw new Error(`\`${wanted}\` is not in the file`);
    const lines = before[0].split("\n");
    return [lines.length, lines.at(-1).length + 1];
}

/** The word of a text in the editor, as something to point at. */
const word = (wanted) => page.locator(".view-lines .view-line span span").filter({ hasText: new RegExp(`^\\s*${wanted}\\s*$`) }).first();

async function openFile() {
    const row = page.locator(".explorer-folders-view .monaco-list-row", { hasText: "study.align" });
    await row.waitFor({ timeout: 120_000 });
    await row.dblclick();
    await page.waitForSelector(".view-lines .view-line", { timeout: WAIT });
}

async function begin(settings, env) {
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(folder, { recursive: true });
    fs.copyFileSync(path.join(root, "tests/editors/study.align"), file);
    const home = fs.mkdtempSync(path.join(scratch, "workbench-"));
    const workbench = await Workbench.open({ vsix, folder, settings, env, scratch: home });
    page = workbench.page;
    return workbench;
}

/** A path on which no `align` is found. */
function barePath() {
    const folders = (process.env.PATH ?? "").split(path.delimiter);
    return folders.filter((f) => !fs.existsSync(path.join(f, "align"))).join(path.delimiter);
}

async function withoutServer() {
    await station("colours", async () => {
        await openFile();
        const colour = (wanted) => word(wanted).evaluate((span) => getComputedStyle(span).color);
        const words = ["dataset", "rollouts", "collect", "steps", "planner"];
        const seen = () => Promise.all(words.map(colour));
        await until(seen, (all) => new Set(all).size >= 4, `wanted at least 4 colours for ${words.join(", ")}`);
    });
    await station("no program", async () => {
        const told = () => text(".notifications-toasts");
        await until(told, (t) => t.includes("the program `align` was not found") && t.includes("How to install"), "no message says what is missing");
    });
    await station("how to install", async () => {
        await page.locator(".notifications-toasts a, .notifications-toasts .monaco-button", { hasText: "How to install" }).first().click();
        await until(() => inFrames("body", "cargo install"), (t) => t !== undefined, "the page with the steps did not open");
    });
}

/** The text of a part of a web view that holds a word, or nothing. */
async function inFrames(selector, wanted) {
    for (const frame of page.frames()) {
        // A picture has no inner text.
        const read = (parts) => parts.map((part) => part.innerText ?? part.textContent).join("\n");
        const whole = await frame.locator(selector).evaluateAll(read).catch(() => "");
        if (whole.includes(wanted)) return whole;
    }
    return undefined;
}

async function editing() {
    await station("squiggle", async () => {
        await openFile();
        await page.waitForSelector(".squiggly-error", { timeout: 120_000 });
    });
    await station("message", async () => {
        await place(1, 1);
        await command("Go to Next Problem in Files");
        await until(() => text(".zone-widget .message"), (t) => t.includes("rollots") && t.includes("A1001"), "the problem has no message of A1001");
    });
    await page.keyboard.press("Escape");
    await station("quick fix", async () => {
        const [line, column] = find("rollots");
        await place(line, column + 2);
        await page.keyboard.press("Control+.");
        const row = page.locator(".action-widget .monaco-list-row", { hasText: "rollouts" }).first();
        await row.waitFor({ timeout: WAIT });
        await page.screenshot({ path: path.join(pictures, "quick-fix-menu.png") });
        await page.keyboard.press("Enter");
        await until(() => page.locator(".squiggly-error").count(), (n) => n === 0, "the squiggle stays");
        await save();
        await until(onDisk, (t) => t.includes("on rollouts {") && !t.includes("rollots"), "the fix is not in the file");
    });
    await station("hover", async () => {
        await word("denoise").hover();
        await until(() => text(".monaco-hover"), (t) => /denois/i.test(t) && t.length > 30, "no page about `denoise`");
    });
    await station("completion", async () => {
        const [line] = find("    loss   = denoise()");
        await place(line, 1);
        await page.keyboard.press("End");
        await page.keyboard.press("Enter");
        await page.keyboard.type("opt");
        await page.keyboard.press("Control+Space");
        const rows = () => text(".suggest-widget .monaco-list-row");
        await until(rows, (t) => t.includes("optim"), "`optim` is not offered");
    });
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+Shift+k");
    await station("rename", async () => {
        const [line, column] = find("planner {");
        await place(line, column + 1);
        await page.keyboard.press("F2");
        const box = page.locator(".rename-box input");
        await box.waitFor({ timeout: WAIT });
        await box.fill("drafter");
        await page.keyboard.press("Enter");
        await page.keyboard.press("Escape");
        await until(
            async () => (await save(), onDisk()),
            (t) => !t.includes("planner") && t.split("drafter").length === 4,
            "not every use has the new name",
        );
    });
    await station("format", async () => {
        const [line, column] = find("= 2k steps");
        await place(line, column);
        await page.keyboard.type("   ");
        await until(async () => (await save(), onDisk()), (t) => t.includes("budget    = 2k steps"), "the line was not typed");
        await command("Format Document");
        await until(async () => (await save(), onDisk()), (t) => t.includes("    budget = 2k steps\n"), "the line was not laid out");
    });
}

async function running() {
    await station("plan", async () => {
        await command("Align: Show the Plan");
        await until(() => text(".view-lines"), (t) => /rollouts[^]*pretrain[^]*plan:/.test(t), "the plan does not stand beside the program", 120_000);
    });
    await page.keyboard.press("Control+1");
    await station("graph", async () => {
        await command("Align: Show the Graph");
        await until(() => inFrames("#picture svg", "pretrain"), (t) => t !== undefined, "no picture with `pretrain`");
        await until(() => inFrames("#nodes", "rollouts"), (t) => t !== undefined, "no table of nodes");
    });
    await station("run a stage", async () => {
        await page.keyboard.press("Control+1");
        await page.locator(".codelens-decoration a", { hasText: /run$/ }).first().click();
        await until(() => text(".xterm-rows"), (t) => t.includes("run study.align --until pretrain"), "no terminal runs up to `pretrain`");
        await until(() => inFrames("#text.running", "done"), (t) => t !== undefined, "the panel does not tell of the run", 180_000);
        await until(() => text(".statusbar-item"), (t) => /Align: .*done/.test(t), "the status bar does not tell of the run");
    });
    await station("stage ended", async () => {
        await until(() => text(".xterm-rows"), (t) => t.includes("report:"), "the run did not come to its end", 300_000);
    });
    await station("run all", async () => {
        await page.keyboard.press("Control+1");
        await command("Align: Run");
        const ended = '#nodes tr[data-state="done"], #nodes tr[data-state="cached"]';
        const seen = () => Promise.all(page.frames().map((frame) => frame.locator(ended).count().catch(() => 0)));
        await until(seen, (counts) => counts.includes(4), "not every node came to its end", 300_000);
    });
    await station("watch", async () => {
        await page.keyboard.press("Control+1");
        await command("Align: Watch");
        await until(() => text(".xterm-rows"), (t) => t.includes("nothing is left to do: watching"), "no terminal watches the program");
        const [line, column] = find("= 100 steps");
        await place(line, column + 2);
        await page.keyboard.type("2");
        await save();
        await until(() => text(".xterm-rows"), (t) => t.includes("saved: study.align"), "the save was not seen");
        await page.locator(".terminal-wrapper.active .xterm-screen").click();
        await page.keyboard.press("Control+c");
        await until(() => page.locator(".terminal-tabs-entry .codicon-loading").count(), (n) => n === 0, "Ctrl-C does not end it");
    });
    await station("restart", async () => {
        await command("Align: Restart the Language Server");
        await until(() => inFrames("#fault", " "), (t) => t === undefined, "the panel tells of a fault");
        await page.keyboard.press("Control+1");
        await page.locator(".codelens-decoration a", { hasText: "run" }).first().waitFor({ timeout: WAIT });
    });
}

fs.rmSync(pictures, { recursive: true, force: true });
fs.mkdirSync(pictures, { recursive: true });
let status = 0;
let workbench;
let vsix;
try {
    vsix = packed();
    console.log(`packed ${path.relative(root, vsix)}`);
    workbench = await begin({}, { PATH: barePath() });
    await withoutServer();
    await workbench.stop();
    if (!process.argv.includes("--missing")) {
        workbench = await begin({ "align.server.path": program, "align.run.arguments": ["--jobs", "1"] });
        await editing();
        await running();
    }
    console.log(`${stations} stations passed; pictures in ${pictures}`);
} catch (error) {
    console.error(`failed: ${error.message}`);
    if (workbench) console.error(`the output of the extension:\n${workbench.said()}`);
    status = 1;
} finally {
    await workbench?.stop();
    fs.rmSync(scratch, { recursive: true, force: true });
}
process.exit(status);
