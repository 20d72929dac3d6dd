/* Draws the interactive figures of a page when a reader comes near them. Until then, in print, and wherever a figure
   cannot be drawn, its picture is shown. Nothing is asked of another machine. */
(() => {
  "use strict";
  const here = document.currentScript.src;
  const INK = "#757575"; // stands for the colour of text, which depends on the theme
  const COMFORTABLE = 520; // pixels; on a narrower page a brain would not fit
  let library;

  function loadLibrary() {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("plotly.min.js", here).href;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("the book's folder _static lacks plotly.min.js"));
      document.head.append(script);
    });
    return library;
  }

  function textColor() {
    return getComputedStyle(document.querySelector("article") ?? document.body).color;
  }

  /* Paths of everything that has the colour of ink, written as plotly wants them: "xaxis.title.font.color". */
  function inkedPaths(part, path = "") {
    if (part === INK) { return [path]; }
    if (part === null || typeof part !== "object") { return []; }
    return Object.entries(part).flatMap(([key, value]) => {
      const step = Array.isArray(part) ? `[${key}]` : path ? `.${key}` : key;
      return inkedPaths(value, path + step);
    });
  }

  const inked = (part, color) => Object.fromEntries(inkedPaths(part).map((path) => [path, color]));

  /* On a narrow page the eye steps back, so that the whole brain is seen. */
  function stepBack(part, factor) {
    if (part === null || typeof part !== "object") { return; }
    for (const [key, value] of Object.entries(part)) {
      if (key === "eye" || key.endsWith(".eye")) {
        for (const axis of Object.keys(value)) { value[axis] *= factor; }
      } else {
        stepBack(value, factor);
      }
    }
  }

  function canDraw(figure) {
    if (!figure.layout.scene) { return true; }
    const context = document.createElement("canvas").getContext("webgl");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return Boolean(context);
  }

  async function paint(Plotly, plot, figure) {
    const color = textColor();
    await Plotly.relayout(plot, inked(figure.layout, color));
    for (const [number, trace] of figure.data.entries()) {
      const changes = inked(trace, color);
      if (Object.keys(changes).length) { await Plotly.restyle(plot, changes, [number]); }
    }
  }

  async function draw(root) {
    const [still, plot, note] = [".still", ".moving", ".note"].map((name) => root.querySelector(name));
    const figure = JSON.parse(root.querySelector("script").textContent);
    if (!canDraw(figure)) {
      note.textContent = "This browser cannot turn the figure (it has no WebGL). The picture shows the same values.";
      note.hidden = false;
      return;
    }
    try {
      const Plotly = await loadLibrary();
      const layout = structuredClone(figure.layout);
      // A finger that moves over a flat figure scrolls the page; it would zoom otherwise.
      if (!layout.scene && matchMedia("(pointer: coarse)").matches) { layout.dragmode = false; }
      plot.hidden = false;
      stepBack(layout, Math.max(1, COMFORTABLE / plot.clientWidth));
      await Plotly.newPlot(plot, structuredClone(figure.data), layout, figure.config);
      await paint(Plotly, plot, figure);
      still.hidden = true;
      root.dataset.drawn = "yes";
      new MutationObserver(() => paint(Plotly, plot, figure))
        .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    } catch (error) {
      plot.hidden = true;
      console.error("an interactive figure was not drawn:", error);
    }
  }

  let queue = Promise.resolve();
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      near.unobserve(entry.target);
      queue = queue.then(() => draw(entry.target)); // one after the other, so that the page can be moved in between
    }
  }, { rootMargin: "300px" });
  document.querySelectorAll(".interactive-figure").forEach((root) => near.observe(root));
})();
