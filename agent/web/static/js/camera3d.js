// A camera that turns about a point, and matrices for it (column by column, as WebGL has them).

const UP_LIMIT = 1.55;

export class OrbitCamera {
  constructor() {
    this.target = [0, 0, 0];
    this.radius = 1;
    this.reset();
  }

  /** Looks at a whole cloud, whose outermost hundredth on each side may lie outside. */
  frame(positions) {
    const count = positions.length / 3;
    const stride = Math.max(1, Math.floor(count / 20000));
    const extent = [0, 1, 2].map((axis) => {
      const values = [];
      for (let row = 0; row < count; row += stride) values.push(positions[row * 3 + axis]);
      values.sort((one, other) => one - other);
      return [values[Math.floor((values.length - 1) * 0.01)], values[Math.ceil((values.length - 1) * 0.99)]];
    });
    this.target = extent.map(([low, high]) => (low + high) / 2);
    this.radius = Math.max(1e-6, Math.hypot(...extent.map(([low, high]) => high - low)) / 2);
    this.home = [...this.target];
    this.reset();
  }

  reset() {
    if (this.home) this.target = [...this.home];
    Object.assign(this, { yaw: 0.5, pitch: 0.35, distance: this.radius * 2.6 });
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.min(UP_LIMIT, Math.max(-UP_LIMIT, this.pitch + pitch));
  }

  zoom(factor) {
    this.distance = Math.min(this.radius * 40, Math.max(this.radius * 0.02, this.distance / factor));
  }

  /** Moves the point that is looked at; shares of the picture's height, to the right and down. */
  pan(x, y) {
    const { right, up } = this.axes();
    const far = this.distance * 0.9;
    this.target = this.target.map((value, axis) => value + (-x * right[axis] + y * up[axis]) * far);
  }

  /** Unit vectors. Images have y down, and so have point clouds made of them: up is -y. */
  axes() {
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const back = [sy * cp, -sp, -cy * cp];
    const right = [cy, 0, sy];
    const up = [back[1] * right[2] - back[2] * right[1], back[2] * right[0] - back[0] * right[2], back[0] * right[1] - back[1] * right[0]];
    return { right, up, back };
  }

  /** From the world to the camera, which looks along -z. */
  view() {
    const { right, up, back } = this.axes();
    const eye = this.target.map((value, axis) => value + back[axis] * this.distance);
    const to = (axis) => -(axis[0] * eye[0] + axis[1] * eye[1] + axis[2] * eye[2]);
    return new Float32Array([
      right[0], up[0], back[0], 0, right[1], up[1], back[1], 0, right[2], up[2], back[2], 0, to(right), to(up), to(back), 1,
    ]);
  }

  /** Perspective; `focal` is the focal length over half the height. */
  projection(aspect, focal) {
    const near = this.distance * 0.01;
    const far = this.distance + this.radius * 50;
    return new Float32Array([
      focal / aspect, 0, 0, 0, 0, focal, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0,
    ]);
  }
}
