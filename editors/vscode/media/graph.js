// The page of the graph panel: puts what the extension sends into place, and tells it which node was chosen.

const editor = acquireVsCodeApi();
const part = (id) => document.getElementById(id);
let picture = "";

/** A cell with text; never markup, as names come from a program. */
function cell(text, name) {
    const td = document.createElement("td");
    td.textContent = text;
    td.className = name;
    return td;
}

function row(node) {
    const tr = document.createElement("tr");
    tr.dataset.id = node.id;
    tr.dataset.state = node.state;
    tr.tabIndex = 0;
    tr.append(cell(node.label, "label"), cell(node.kind, "kind"), cell(node.state, "state"), cell(node.detail ?? "", "detail"));
    tr.addEventListener("click", () => editor.postMessage({ go: node.id }));
    tr.addEventListener("keydown", (event) => {
        if (event.key === "Enter") editor.postMessage({ go: node.id });
    });
    return tr;
}

window.addEventListener("message", ({ data }) => {
    part("text").textContent = data.text;
    part("text").classList.toggle("running", data.running);
    part("fault").textContent = data.fault;
    part("picture").classList.toggle("stale", data.fault !== "");
    // The same picture is not drawn again, so that the page does not jump while a run only counts steps.
    if (data.svg !== picture) {
        picture = data.svg;
        part("picture").innerHTML = data.svg;
    }
    part("nodes").tBodies[0].replaceChildren(...data.nodes.map(row));
});

editor.postMessage({ ready: true });
