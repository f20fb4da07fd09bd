// Colours of the map. Lightness rises or falls all along the scale, so the order of prices is visible in grey and with
// any kind of colour vision. Mixed in OKLab (Björn Ottosson, 2020), where steps look even.

const STEPS = 256;

// [lightness, chroma, hue in degrees], from the lowest to the highest price; high prices stand out from the background.
const LIGHT = [[0.87, 0.14, 94], [0.74, 0.13, 142], [0.59, 0.1, 205], [0.44, 0.14, 266], [0.29, 0.13, 296]];
const DARK = [[0.4, 0.14, 290], [0.51, 0.13, 262], [0.65, 0.1, 208], [0.8, 0.13, 145], [0.95, 0.13, 102]];

/** Return 256 colours `[red, green, blue]`, from low to high prices. */
export function colourScale(dark) {
  const stops = (dark ? DARK : LIGHT).map(toLab);
  return Array.from({ length: STEPS }, (_, step) => {
    const position = (step / (STEPS - 1)) * (stops.length - 1);
    const left = Math.min(Math.floor(position), stops.length - 2);
    return toRgb(stops[left].map((value, axis) => value + (position - left) * (stops[left + 1][axis] - value)));
  });
}

export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

/**
 * Rank values, so that equal shares of homes get equal shares of the scale.
 * @returns `rank`, from 0 to 1, NaN for values that are not finite; and `quantile`, a function of a share
 */
export function rankValues(values) {
  const order = Array.from(values.keys()).filter((row) => Number.isFinite(values[row]));
  order.sort((first, second) => values[first] - values[second]);
  const rank = new Float32Array(values.length).fill(NaN);
  order.forEach((row, index) => (rank[row] = order.length > 1 ? index / (order.length - 1) : 0.5));
  return { rank, quantile: (share) => values[order[Math.round(share * (order.length - 1))]] };
}

function toLab([lightness, chroma, hue]) {
  const angle = (hue * Math.PI) / 180;
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

function toRgb([lightness, a, b]) {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short,
  ].map((linear) => {
    const clipped = Math.min(Math.max(linear, 0), 1);
    return Math.round(255 * (clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055));
  });
}
