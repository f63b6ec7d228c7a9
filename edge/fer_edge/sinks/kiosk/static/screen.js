// Manners of a screen that is on all day: what it shows moves a little, so that nothing burns in, and it is dimmed at
// night and while nobody is there.

const DRIFT_INTERVAL_MS = 60000;
const DRIFT_PX = 3; // at most, to each side
const CHECK_INTERVAL_MS = 30000; // of the time of day
const NIGHT_HOURS = [22, 6]; // from, to, by the browser's clock
const NIGHT_DIM = 0.45; // how much darker: 0 is not at all, 1 is black
const EMPTY_DIM = 0.7;

export class Screen {
  // `dimSeconds`: without a face or a touch, after which it is dimmed; 0: it never is.
  constructor(dimSeconds) {
    this.dimSeconds = dimSeconds;
    this.someone = true;
    this.step = 0;
    setInterval(() => this.drift(), DRIFT_INTERVAL_MS);
    if (!dimSeconds) return;
    setInterval(() => this.dim(), CHECK_INTERVAL_MS);
    for (const kind of ["pointerdown", "pointermove", "keydown"]) {
      document.addEventListener(kind, () => this.wake(), { passive: true });
    }
    this.wake();
  }

  // Whether there is a face.
  show(someone) {
    if (!this.dimSeconds || (someone && this.someone)) return;
    const came = someone && !this.someone;
    const went = !someone && this.someone;
    this.someone = someone;
    if (came || went) this.wake();
  }

  wake() {
    clearTimeout(this.timer);
    this.empty = false;
    if (!this.someone) {
      this.timer = setTimeout(() => {
        this.empty = true;
        this.dim();
      }, 1000 * this.dimSeconds);
    }
    this.dim();
  }

  dim() {
    const hour = new Date().getHours();
    const night = hour >= NIGHT_HOURS[0] || hour < NIGHT_HOURS[1];
    const level = this.empty ? EMPTY_DIM : night ? NIGHT_DIM : 0;
    document.body.style.setProperty("--dim", level);
  }

  // Once around a small square, a step a minute.
  drift() {
    this.step = (this.step + 1) % (8 * DRIFT_PX);
    const side = Math.floor(this.step / (2 * DRIFT_PX));
    const along = (this.step % (2 * DRIFT_PX)) - DRIFT_PX;
    const [x, y] = [[along, -DRIFT_PX], [DRIFT_PX, along], [-along, DRIFT_PX], [-DRIFT_PX, -along]][side];
    document.body.style.setProperty("--drift", `${x}px ${y}px`);
  }
}
