// Geometry of the map: degrees to kilometres around the middle of the sold homes, and kilometres to pixels. The earth
// is taken as flat, which is exact enough for one city.

const KM_PER_DEGREE = 111.32; // along a meridian, and along the equator
const OUTLIER_SHARE = 0.004; // of homes left out of the first view on each side: a remote farm would make the city small
const MAX_ZOOM = 400; // times the first view: a few hundred metres across
// At least this much is shown on every side of a valued home: the neighbourhood, not only the next house.
const MIN_SURROUNDINGS_KM = 1.5;
const MIN_SURROUNDINGS_SHARE = 1 / 12; // of the whole map, in a small town

export class Projection {
  /** @param latitude, longitude one value for each home, at least one */
  constructor(latitude, longitude) {
    const median = (values) => Float64Array.from(values).sort()[values.length >> 1];
    this.origin = [median(latitude), median(longitude)];
    this.kmPerDegreeEast = KM_PER_DEGREE * Math.cos((this.origin[0] * Math.PI) / 180);
    /** Kilometres of each home east and south of the origin. */
    this.x = Float32Array.from(longitude, (value) => (value - this.origin[1]) * this.kmPerDegreeEast);
    this.y = Float32Array.from(latitude, (value) => (this.origin[0] - value) * KM_PER_DEGREE);
    /** Ranges [low, high] in kilometres: of all homes, and without the outliers. */
    this.extent = { x: range(this.x, 0), y: range(this.y, 0) };
    this.core = { x: range(this.x, OUTLIER_SHARE), y: range(this.y, OUTLIER_SHARE) };
  }

  toKm(latitude, longitude) {
    return [(longitude - this.origin[1]) * this.kmPerDegreeEast, (this.origin[0] - latitude) * KM_PER_DEGREE];
  }

  /** Return [latitude, longitude]. */
  toDegrees([x, y]) {
    return [this.origin[0] - y / KM_PER_DEGREE, this.origin[1] + x / this.kmPerDegreeEast];
  }

  /** Return the index of the home nearest to a point, or -1 if none is within `km`. */
  nearest([x, y], km) {
    let best = -1;
    let smallest = km ** 2;
    for (let home = 0; home < this.x.length; home++) {
      const squared = (this.x[home] - x) ** 2 + (this.y[home] - y) ** 2;
      if (squared < smallest) [best, smallest] = [home, squared];
    }
    return best;
  }
}

/** The part of the map that is shown. A view is kilometres `x`, `y` at the centre, and `scale` in pixels per kilometre. */
export class Viewport {
  constructor(projection) {
    this.projection = projection;
    this.view = null;
  }

  resize(width, height) {
    Object.assign(this, { width, height });
    const fit = ({ x, y }) => 0.94 * Math.min(width / (x[1] - x[0] || 1), height / (y[1] - y[0] || 1));
    this.fitScale = fit(this.projection.core);
    this.minScale = fit(this.projection.extent);
  }

  /** The scale as a multiple of the first view's. */
  get zoom() {
    return this.view.scale / this.fitScale;
  }

  get showsAll() {
    return this.zoom <= 1.001;
  }

  toKm([px, py]) {
    const { x, y, scale } = this.view;
    return [x + (px - this.width / 2) / scale, y + (py - this.height / 2) / scale];
  }

  toPixel([x, y]) {
    const { view } = this;
    return [(x - view.x) * view.scale + this.width / 2, (y - view.y) * view.scale + this.height / 2];
  }

  contains(location) {
    const [px, py] = this.toPixel(location);
    return px > 0 && py > 0 && px < this.width && py < this.height;
  }

  /** Return the first view. */
  fitted() {
    const middle = ([low, high]) => (low + high) / 2;
    const { x, y } = this.projection.core;
    return { x: middle(x), y: middle(y), scale: this.fitScale };
  }

  /** Return the view around a centre that shows all locations. */
  around(centre, locations) {
    const span = ([low, high]) => high - low;
    const { x, y } = this.projection.core;
    const smallest = Math.min(MIN_SURROUNDINGS_KM, MIN_SURROUNDINGS_SHARE * Math.max(span(x), span(y)));
    const farthest = (axis) => Math.max(...locations.map((location) => Math.abs(location[axis] - centre[axis])), smallest);
    return { x: centre[0], y: centre[1], scale: this.#clampScale(Math.min(this.width / 2.8 / farthest(0), this.height / 2.8 / farthest(1))) };
  }

  /** Return the view after zooming at a pixel, which keeps its location. */
  zoomed(factor, [px, py] = [this.width / 2, this.height / 2]) {
    const scale = this.#clampScale(this.view.scale * factor);
    const [x, y] = this.toKm([px, py]);
    return { x: x - (px - this.width / 2) / scale, y: y - (py - this.height / 2) / scale, scale };
  }

  /** Return the view after moving the map by pixels; some of the homes stay in view. */
  panned(dx, dy) {
    const { x, y, scale } = this.view;
    const { extent } = this.projection;
    const clamp = (value, [low, high], half) => Math.min(Math.max(value, low - half), high + half);
    return {
      x: clamp(x - dx / scale, extent.x, this.width / 2.5 / scale),
      y: clamp(y - dy / scale, extent.y, this.height / 2.5 / scale),
      scale,
    };
  }

  #clampScale(scale) {
    return Math.min(Math.max(scale, this.minScale), this.fitScale * MAX_ZOOM);
  }
}

/** Return the view at a share, 0 to 1, of the way from one view to another. */
export function interpolateView(from, to, share) {
  const scale = from.scale * (to.scale / from.scale) ** share;
  // The centre moves such that its path looks straight while the scale changes.
  const moved = Math.abs(to.scale - from.scale) < 1e-9 ? share : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
  return { x: from.x + moved * (to.x - from.x), y: from.y + moved * (to.y - from.y), scale };
}

function range(values, share) {
  const sorted = Float32Array.from(values).sort();
  const cut = Math.floor(share * (sorted.length - 1));
  return [sorted[cut], sorted[sorted.length - 1 - cut]];
}
