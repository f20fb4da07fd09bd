// Names on the map: cities at first, postal codes from nearer, each at the middle of the homes sold there; only those that
// have room.

import { svg } from "./dom.js";

const CODES_FROM_ZOOM = 2.4; // times the first view
const LETTER_PX = 7.2; // width of a letter
const HEIGHT_PX = 18;
const GAP_PX = 5; // between two labels

/** Return labels, the one with most sales first; `areas` is that member of GET /sales. */
export function areaLabels({ postal_code: codes, name: names, latitude, longitude, count }, projection) {
  const places = codes.map((code, index) => ({ code, name: names[index], count: count[index], location: projection.toKm(latitude[index], longitude[index]) }));
  const distinct = [...new Set(names)].filter(Boolean);
  const cities = distinct.map((text) => {
    const own = places.filter(({ name }) => name === text);
    const total = own.reduce((sum, place) => sum + place.count, 0);
    const mean = (axis) => own.reduce((sum, place) => sum + place.count * place.location[axis], 0) / total;
    return { text, count: total, location: [mean(0), mean(1)], isCity: true };
  });
  const few = cities.length ? [] : places.map(({ code, count: n, location }) => ({ text: code, count: n, location, isCity: true }));
  const fine = places.map(({ code, count: n, location }) => ({ text: code, count: n, location, isCity: false }));
  const bySales = (first, second) => second.count - first.count;
  return [...cities.sort(bySales), ...few.sort(bySales), ...fine.sort(bySales)];
}

/** Return the SVG elements of the labels that have room in a viewport. */
export function drawLabels(labels, viewport) {
  const near = viewport.zoom >= CODES_FROM_ZOOM;
  // The ruler and the buttons keep their corners.
  const taken = [[60, viewport.height - 20, 60], [viewport.width - 30, 40, 24], [viewport.width - 30, 80, 24], [viewport.width - 30, 120, 24]];
  const drawn = [];
  for (const { text, location, isCity } of labels) {
    if (isCity === near || !viewport.contains(location)) continue;
    const [x, y] = viewport.toPixel(location);
    const half = (LETTER_PX * text.length) / 2;
    if (taken.some(([tx, ty, other]) => Math.abs(x - tx) < half + other + GAP_PX && Math.abs(y - ty) < HEIGHT_PX)) continue;
    taken.push([x, y, half]);
    drawn.push(svg("text", { class: "area-label", x, y }, text));
  }
  return drawn;
}
