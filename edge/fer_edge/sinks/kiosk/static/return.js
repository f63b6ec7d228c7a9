// Whoever opened another page from the room's screen, and went away, leaves it there: it goes back by itself.

const RETURN_DELAY_MS = 60000; // without input
const KEY = "fer-edge-from-stage";

// On the first page: whatever is opened from there goes back.
export function allowReturn() {
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", () => sessionStorage.setItem(KEY, "1"));
  }
  sessionStorage.removeItem(KEY);
}

export function returnWhenLeft() {
  if (!sessionStorage.getItem(KEY)) return;
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => location.replace("/"), RETURN_DELAY_MS);
  };
  for (const kind of ["pointerdown", "pointermove", "keydown", "scroll"]) {
    document.addEventListener(kind, wait, { passive: true, capture: true });
  }
  wait();
}
