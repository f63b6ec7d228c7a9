// What the server sees, as long as somebody looks: connects again by itself, and lets go while the page is hidden.

const PAUSES = [300, 700, 1500, 3000, 5000]; // milliseconds until it is tried again
const SILENT = 25000; // milliseconds without a word after which the connection is given up
const GRACE = 1500; // milliseconds without a connection before the page says so

export class Feed {
  // `seen` is called with what is new, and with null while there is no connection.
  constructor(path, seen) {
    this.path = path;
    this.seen = seen;
    this.failures = 0;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", () => !document.hidden && !this.source && this.open());
    if (!document.hidden) this.open();
  }

  open() {
    this.close();
    this.source = new EventSource(this.path);
    this.source.addEventListener("now", (event) => {
      this.heard();
      this.failures = 0;
      clearTimeout(this.grace);
      this.grace = undefined;
      this.seen(JSON.parse(event.data));
    });
    this.source.addEventListener("ping", () => this.heard());
    this.source.onerror = () => this.lose();
    this.heard();
  }

  heard() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lose(), SILENT);
  }

  lose() {
    this.drop();
    this.grace ??= setTimeout(() => this.seen(null), GRACE);
    const pause = PAUSES[Math.min(this.failures++, PAUSES.length - 1)];
    this.again = setTimeout(() => this.open(), pause * (0.8 + 0.4 * Math.random()));
    // A login that ran out looks like any other error here.
    fetch("/api/v1/status").then((answer) => answer.status === 401 && location.reload(), () => {});
  }

  drop() {
    this.source?.close();
    this.source = undefined;
    clearTimeout(this.silence);
    clearTimeout(this.again);
  }

  close() {
    this.drop();
    clearTimeout(this.grace);
    this.grace = undefined;
  }
}
