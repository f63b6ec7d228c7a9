// A drawn face. A pose is a set of numbers, so any face can become any other; nothing moves once it has.
// Coordinates: the disc is at 0, 0 with a radius of 104; y grows downwards.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MORPH_TIME_MS = 450;
const BLINK_TIME_MS = 160; // every 3 to 8 seconds

const NEUTRAL = {
  inner: -48, middle: -56, outer: -48, // brow: y of its ends and its middle
  lift: 0, // of the right brow alone, upwards
  wide: 13, top: 15, bottom: 15, // eye: half its width, height above and below its middle
  lookX: 0, lookY: 0, glint: 1, // where it looks; size of the light in it
  mouth: 34, left: 42, right: 42, // mouth: half its width, y of its corners
  upper: 4, lower: 4, wave: 0, // how far its lips hang in the middle; how much it trembles
  round: 0.5, // 0.5: a mouth with corners; 1: one without
  blush: 0, tear: 0, sweat: 0, wrinkle: 0, teeth: 0, sleep: 0, ask: 0, // 0 to 1
};

const POSES = {
  neutral: {},
  happy: {
    inner: -54, middle: -68, outer: -52, wide: 19, top: 20, bottom: -7, glint: 0,
    mouth: 56, left: 14, right: 14, upper: 12, lower: 70, blush: 1, teeth: 1,
  },
  sad: {
    inner: -64, middle: -56, outer: -38, top: 10, bottom: 15, lookY: 5,
    mouth: 32, left: 60, right: 60, upper: -22, lower: -22, tear: 1,
  },
  angry: {
    inner: -26, middle: -42, outer: -60, wide: 15, top: 9, bottom: 13,
    mouth: 40, left: 60, right: 60, upper: -30, lower: -8, teeth: 1,
  },
  surprise: {
    inner: -74, middle: -88, outer: -72, wide: 18, top: 23, bottom: 23, glint: 1.2,
    mouth: 22, left: 48, right: 48, upper: -26, lower: 32, round: 1,
  },
  fear: {
    inner: -76, middle: -70, outer: -52, wide: 17, top: 22, bottom: 18, glint: 0.6,
    mouth: 44, left: 58, right: 54, upper: -24, lower: -2, wave: 9, sweat: 1, teeth: 1,
  },
  disgust: {
    inner: -30, middle: -44, outer: -46, lift: 14, wide: 17, top: 7, bottom: 9, glint: 0.6,
    mouth: 38, left: 60, right: 42, upper: -18, lower: 2, wave: 12, wrinkle: 1,
  },
  uncertain: {
    inner: -44, middle: -54, outer: -50, lift: 16, lookX: 5, lookY: -4,
    mouth: 26, left: 46, right: 40, upper: 0, lower: 0, wave: 7, ask: 1,
  },
  nobody: { lookX: -6, mouth: 22, left: 44, right: 44, upper: 2, lower: 2 },
  starting: { top: 6, bottom: 13, mouth: 18, left: 44, right: 44, upper: 2, lower: 2 },
  paused: {
    inner: -42, middle: -50, outer: -40, wide: 19, top: -8, bottom: 16, glint: 0,
    mouth: 9, left: 48, right: 48, upper: -7, lower: 8, round: 1, sleep: 1,
  },
  lost: {
    inner: -62, middle: -56, outer: -42, top: 13, bottom: 13, lookX: 6, lookY: 3,
    mouth: 30, left: 54, right: 54, upper: -8, lower: -8, wave: 8,
  },
  offline: { inner: -56, middle: -54, outer: -44, wide: 15, top: 2, bottom: 4, glint: 0,
    mouth: 22, left: 48, right: 48, upper: 0, lower: 0 },
};

const still = window.matchMedia("(prefers-reduced-motion: reduce)");

function add(parent, name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

let made = 0;

export class Face {
  constructor() {
    const clip = `inside-${++made}`;
    this.svg = document.createElementNS(NAMESPACE, "svg");
    this.svg.setAttribute("viewBox", "-110 -112 220 222");
    this.svg.setAttribute("class", "face");
    add(this.svg, "circle", { r: 104, class: "skin" });
    add(this.svg, "path", { class: "shine", d: "M-78-44A90 90 0 0 1-20-88" });
    this.blush = add(this.svg, "g", { class: "blush" });
    for (const x of [-70, 70]) add(this.blush, "ellipse", { cx: x, cy: 14, rx: 17, ry: 11 });
    this.brows = [-1, 1].map(() => add(this.svg, "path", { class: "brow" }));
    this.eyes = [-1, 1].map((side) => {
      const group = add(this.svg, "g", { transform: `translate(${side * 37} -14)` });
      const lid = add(group, "g", {});
      return { lid, shape: add(lid, "path", { class: "eye" }), glint: add(lid, "circle", { class: "glint" }) };
    });
    const inside = add(add(this.svg, "clipPath", { id: clip }), "path", {});
    this.mouth = add(this.svg, "path", { class: "mouth" });
    const within = add(this.svg, "g", { "clip-path": `url(#${clip})` });
    this.teeth = add(within, "rect", { class: "teeth", x: -60, width: 120, height: 15, rx: 5 });
    this.tongue = add(within, "ellipse", { class: "tongue", rx: 26, ry: 16 });
    this.lips = add(this.svg, "path", { class: "lips" });
    this.shapes = [inside, this.mouth, this.lips];
    this.tear = add(this.svg, "path", { class: "drop", d: "M-50 12C-58 26-61 34-61 40A11 11 0 0 0-39 40C-39 34-42 26-50 12Z" });
    this.sweat = add(this.svg, "path", { class: "drop", d: "M80-78C73-65 70-59 70-53A10 10 0 0 0 90-53C90-59 87-65 80-78Z" });
    this.wrinkle = add(this.svg, "path", { class: "fine", d: "M-9-6Q0-14 9-6M-11 7Q0-2 11 7" });
    this.sleep = add(this.svg, "path", { class: "fine far", d: "M52-84h20l-20 22h20M84-112h15l-15 17h15" });
    this.ask = add(this.svg, "path", { class: "fine far", d: "M80-104C82-118 106-117 104-101C103-91 92-92 92-80M92-68v.5" });
    this.now = { ...NEUTRAL };
    this.name = null;
    this.lidded = 1;
  }

  // Take the pose of an emotion or a state; a label without one has the neutral face.
  pose(name) {
    if (name === this.name) return;
    const first = this.name === null;
    this.name = name;
    const from = { ...this.now };
    const to = { ...NEUTRAL, ...POSES[name] };
    cancelAnimationFrame(this.frame);
    if (first || still.matches || document.hidden) {
      this.draw(to);
    } else {
      const begin = performance.now();
      const step = (time) => {
        const passed = Math.min(Math.max((time - begin) / MORPH_TIME_MS, 0), 1);
        const eased = 1 - (1 - passed) ** 3;
        const between = {};
        for (const key in to) between[key] = from[key] + (to[key] - from[key]) * eased;
        this.draw(between);
        if (passed < 1) this.frame = requestAnimationFrame(step);
      };
      this.frame = requestAnimationFrame(step);
    }
    clearTimeout(this.timer);
    this.rest();
  }

  // Blink now and then, unless the eyes are closed or the user prefers reduced motion.
  rest() {
    this.timer = setTimeout(() => {
      if (!document.hidden && !still.matches && this.now.glint > 0) {
        for (const { lid } of this.eyes) {
          lid.animate({ transform: ["scaleY(1)", "scaleY(0.08)", "scaleY(1)"] }, { duration: BLINK_TIME_MS, easing: "ease-in-out" });
        }
        if (this.name === "nobody") this.look();
      }
      this.rest();
    }, 3000 + Math.random() * 5000);
  }

  look() {
    const to = this.now.lookX > 0 ? -6 : 6;
    setTimeout(() => this.name === "nobody" && this.draw({ ...this.now, lookX: to }), BLINK_TIME_MS / 2);
  }

  remove() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.svg.remove();
  }

  draw(p) {
    this.now = p;
    this.brows.forEach((brow, right) => {
      const side = right ? 1 : -1;
      const up = right ? p.lift : 0;
      brow.setAttribute("d", `M${side * 18} ${p.inner - up * 0.6}Q${side * 40} ${p.middle - up * 1.3} ${side * 60} ${p.outer - up}`);
    });
    const high = p.top * 1.33;
    const low = p.bottom * 1.33;
    for (const { shape, glint } of this.eyes) {
      const w = p.wide;
      shape.setAttribute("d", `M${-w} 0C${-w} ${-high} ${w} ${-high} ${w} 0C${w} ${low} ${-w} ${low} ${-w} 0Z`);
      glint.setAttribute("cx", p.lookX - w * 0.28);
      glint.setAttribute("cy", p.lookY - p.top * 0.36);
      glint.setAttribute("r", Math.max(4.6 * p.glint, 0));
    }
    const { mouth: m, left: l, right: r, wave } = p;
    const c = m * p.round;
    const up = p.upper * 1.33;
    const down = p.lower * 1.33;
    const d = `M${-m} ${l}C${-c} ${l + up + wave} ${c} ${r + up - wave} ${m} ${r}`
      + `C${c} ${r + down - wave} ${-c} ${l + down + wave} ${-m} ${l}Z`;
    for (const shape of this.shapes) shape.setAttribute("d", d);
    const middle = (l + r) / 2;
    this.teeth.setAttribute("y", middle + p.upper - 4);
    this.tongue.setAttribute("cy", middle + p.lower + 2);
    for (const extra of ["blush", "tear", "sweat", "wrinkle", "teeth", "sleep", "ask"]) {
      this[extra].setAttribute("opacity", p[extra]);
    }
    this.tongue.setAttribute("opacity", Math.min(Math.max((p.lower - p.upper - 30) / 20, 0), 1));
  }
}
