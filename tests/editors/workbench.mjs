// How is a real VS Code workbench had on a machine without a screen?  code-server from npm, with our packed extension, in a headless Chromium.
//
// Knows nothing of what is tried there.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** The newest code-server that runs on Node 20; it is VS Code 1.100.3. */
const CODE_SERVER = "4.100.3";
/** Parts of the workbench in C++ that npm must build here, as their scripts do not run on install. */
const NATIVE = ["@vscode/spdlog", "native-watchdog", "node-pty", "@parcel/watcher"];

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
/** What takes a minute to install is kept between runs. */
export const cache = path.resolve(process.env.ALIGN_EDITORS_CACHE ?? path.join(target, "editors"));

/** Runs a command; what it wrote is told only when it fails. */
function run(program, args, cwd) {
    try {
        return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
    } catch (error) {
        const said = `${error.stdout ?? ""}${error.stderr ?? error.message}`.trim().split("\n").slice(-25).join("\n");
        throw new Error(`\`${program} ${args.join(" ")}\` failed:\n${said}`);
    }
}

/** The entry of an installed code-server; installs it when it is not in the cache. */
function codeServer() {
    const home = path.join(cache, `code-server-${CODE_SERVER}`);
    const entry = path.join(home, "node_modules/code-server/out/node/entry.js");
    if (fs.existsSync(path.join(home, "whole"))) return entry;
    console.log(`installing code-server ${CODE_SERVER} into ${home}`);
    fs.rmSync(home, { recursive: true, force: true });
    fs.mkdirSync(home, { recursive: true });
    fs.writeFileSync(path.join(home, "package.json"), '{ "private": true }\n');
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run("npm", ["install", `code-server@${CODE_SERVER}`, ...quiet], home);
    const inner = path.join(home, "node_modules/code-server/lib/vscode");
    run("npm", ["install", "--omit=dev", ...quiet], inner);
    run("npm", ["rebuild", "--foreground-scripts", "argon2"], home);
    for (const name of NATIVE) {
        try {
            run("npm", ["rebuild", "--foreground-scripts", name], inner);
        } catch (error) {
            // The terminal's last script wants a tool that only its developers have; what it built before that is all we need.
            if (!fs.existsSync(path.join(inner, "node_modules", name, "build/Release"))) throw error;
        }
    }
    run("node", [entry, "--version", "--config", config(home)], home);
    fs.writeFileSync(path.join(home, "whole"), "");
    return entry;
}

/** A configuration of its own, so that the one of whoever runs this is neither read nor written. */
function config(home) {
    const file = path.join(home, "config.yaml");
    fs.writeFileSync(file, "auth: none\n");
    return file;
}

/** Packs the extension as a user gets it. */
export function packed() {
    const folder = path.join(root, "editors/vscode");
    run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder);
    run("npm", ["run", "package"], folder);
    return path.join(folder, "align.vsix");
}

async function freePort() {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    server.close();
    await once(server, "close");
    return port;
}

/** What is switched off is what asks the net, or asks the user. */
const SETTINGS = {
    "security.workspace.trust.enabled": false,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoCheckUpdates": false,
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": false,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.commandCenter.enabled": false,
    "editor.minimap.enabled": false,
    "editor.wordBasedSuggestions": "off",
    "files.autoSave": "off",
    "terminal.integrated.gpuAcceleration": "off",
};

/** A workbench with one folder open and our extension installed: `page` to drive it, `stop` to end it. */
export class Workbench {
    static async open({ vsix, folder, settings, env, scratch }) {
        const entry = codeServer();
        const data = path.join(scratch, "data");
        const extensions = path.join(scratch, "extensions");
        // Which programs are started is a setting of the machine, how the workbench looks is one of the user.
        for (const [level, values] of [["User", SETTINGS], ["Machine", settings]]) {
            fs.mkdirSync(path.join(data, level), { recursive: true });
            fs.writeFileSync(path.join(data, level, "settings.json"), JSON.stringify(values, null, 4));
        }
        const places = ["--config", config(scratch), "--user-data-dir", data, "--extensions-dir", extensions];
        run("node", [entry, ...places, "--install-extension", vsix], scratch);
        const port = await freePort();
        const quiet = ["--auth", "none", "--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"];
        const log = fs.openSync(path.join(scratch, "code-server.log"), "w");
        const server = spawn("node", [entry, ...places, ...quiet, "--bind-addr", `127.0.0.1:${port}`, folder], {
            env: { ...process.env, ...env },
            detached: true,
            stdio: ["ignore", log, log],
        });
        const workbench = new Workbench();
        Object.assign(workbench, { server, data });
        try {
            await answers(`http://127.0.0.1:${port}/healthz`, server);
            workbench.browser = await chromium.launch({
                executablePath: process.env.ALIGN_CHROMIUM ?? "/usr/bin/chromium",
                args: [
                    ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
                    ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
                ],
            });
            workbench.page = await workbench.browser.newPage({ viewport: { width: 1400, height: 900 } });
            await workbench.page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}`);
            await workbench.page.waitForSelector(".monaco-workbench", { timeout: 120_000 });
        } catch (error) {
            await workbench.stop();
            throw error;
        }
        return workbench;
    }

    async stop() {
        await this.browser?.close();
        for (const pid of [-this.server.pid, ...this.left()]) {
            try {
                process.kill(pid, "SIGKILL");
            } catch {
                // It has ended by itself.
            }
        }
    }

    /** What the extension and the server wrote to their output, the last lines. */
    said() {
        const logs = fs.readdirSync(path.join(this.data, "logs"), { recursive: true }).filter((name) => path.basename(name) === "Align.log");
        return logs.map((name) => fs.readFileSync(path.join(this.data, "logs", name), "utf8").split("\n").slice(-40).join("\n")).join("\n");
    }

    /** The extension hosts outlive the server, in groups of their own: those that were started with our data folder are ours. */
    left() {
        if (!fs.existsSync("/proc/self/environ")) return [];
        const ours = (pid) => {
            try {
                const about = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8") + fs.readFileSync(`/proc/${pid}/environ`, "utf8");
                return about.includes(this.data);
            } catch {
                return false;
            }
        };
        return fs.readdirSync("/proc").map(Number).filter((pid) => pid > 1 && pid !== process.pid && ours(pid));
    }
}

async function answers(address, server) {
    for (let tries = 0; tries < 240; tries += 1) {
        if (server.exitCode !== null) throw new Error(`code-server ended with status ${server.exitCode}`);
        const up = await fetch(address).then((r) => r.ok, () => false);
        if (up) return;
        await pause(250);
    }
    throw new Error("code-server did not answer within a minute");
}
