// Colours come from the style sheet, so that light and dark are decided in one place.

const slots = 8;

/** The colours at this moment. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: get('text'), muted: get('muted'), grid: get('grid'), accent: get('accent'), card: get('card'),
    tail: get('tail'), hatch: get('hatch'), bars: get('bars'), other: get('series-other'),
    series: Array.from({ length: slots }, (_, i) => get(`series-${i + 1}`)),
  };
}

/** Gives a name the same slot in every chart and after every refresh. */
export class Palette {
  #slots = new Map();

  /** A slot for each name, no two alike within the first eight; -1 stands for the rest. */
  assign(names, isOther) {
    const used = new Set();
    const result = names.map((name) => {
      if (isOther(name)) return -1;
      const slot = this.#slots.get(name);
      if (slot === undefined || used.has(slot)) return undefined;
      used.add(slot);
      return slot;
    });
    return result.map((slot, i) => {
      if (slot !== undefined) return slot;
      let free = 0;
      while (used.has(free) && free < slots) free++;
      const given = free < slots ? free : i % slots;
      used.add(given);
      if (!this.#slots.has(names[i])) this.#slots.set(names[i], given);
      return given;
    });
  }

  reset() {
    this.#slots.clear();
  }
}
