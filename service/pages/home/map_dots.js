// Paints homes as dots, pixel by pixel into an image: this draws tens of thousands of dots many times a second
// without a graphics card.

const SMALLEST_DOTS_FROM = 20_000; // homes; fewer homes get larger dots
const MAX_RADIUS = 6.5; // CSS pixels

export class DotPainter {
  /** @param radius in CSS pixels; without one, it follows from the number of homes */
  constructor(canvas, homes, radius) {
    this.canvas = canvas;
    this.radius = radius ?? 1.15 * Math.min(Math.max((SMALLEST_DOTS_FROM / homes) ** 0.3, 1), 2.6);
  }

  /** Set the size in CSS pixels; `ratio` is the number of device pixels in one. */
  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /**
   * Paint all homes.
   * @param projection has the homes' kilometres `x` and `y`
   * @param viewport see `Viewport`
   * @param colours one packed colour for each home; a home of colour 0 is left out
   */
  paint({ x, y }, { view, zoom }, colours, background) {
    const { pixels, ratio } = this;
    const { width, height } = this.canvas;
    pixels.fill(background);
    const radius = Math.min(this.radius * zoom ** 0.42, MAX_RADIUS) * ratio;
    const stamp = this.#stampOf(radius);
    const scale = view.scale * ratio;
    const left = width / 2 - view.x * scale;
    const top = height / 2 - view.y * scale;
    const margin = Math.ceil(radius);
    for (let home = 0; home < x.length; home++) {
      const colour = colours[home];
      if (colour === 0) continue;
      const px = Math.round(left + x[home] * scale);
      const py = Math.round(top + y[home] * scale);
      if (px < margin || py < margin || px >= width - margin || py >= height - margin) continue;
      const centre = py * width + px;
      for (let part = 0; part < stamp.length; part += 3) {
        const index = centre + stamp[part + 1] * width + stamp[part];
        const opacity = stamp[part + 2];
        pixels[index] = opacity === 256 ? colour : blend(pixels[index], colour, opacity);
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }

  // The pixels of a dot, [dx, dy, opacity of 256] one after the other.
  #stampOf(radius) {
    if (this.stamp?.radius === radius) return this.stamp.parts;
    const parts = [];
    const size = Math.ceil(radius);
    for (let dy = -size; dy <= size; dy++) {
      for (let dx = -size; dx <= size; dx++) {
        const opacity = Math.min(Math.max(radius + 0.5 - Math.hypot(dx, dy), 0), 1);
        if (opacity > 0.04) parts.push(dx, dy, Math.round(256 * opacity));
      }
    }
    this.stamp = { radius, parts: Int16Array.from(parts) };
    return this.stamp.parts;
  }
}

/** Pack a colour as the pixels of an image have it (little-endian). */
export const packColour = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

// Blend two packed colours, two channels at a time; `opacity` of 256 is that of the second one.
function blend(under, over, opacity) {
  const rest = 256 - opacity;
  const outer = (((under & 0xff00ff) * rest + (over & 0xff00ff) * opacity) >>> 8) & 0xff00ff;
  const inner = (((under & 0xff00) * rest + (over & 0xff00) * opacity) >>> 8) & 0xff00;
  return (0xff000000 | outer | inner) >>> 0;
}
