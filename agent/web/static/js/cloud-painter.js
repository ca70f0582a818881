// Draws points or Gaussian splats with WebGL 2. A splat is the ellipse that its Gaussian makes in the picture
// (EWA splatting, Zwicker et al. 2001, as in Kerbl et al. 2023), blended from the farthest to the nearest.

const VERTEX = `#version 300 es
precision highp float;
uniform highp sampler2D data;
uniform mat4 view, projection;
uniform vec2 viewport;
uniform float focal;   // pixels
uniform float radius;  // of a point, in the cloud's unit; 0 = splats
uniform int texels;    // of a point in data
in vec2 corner;
in uint index;
out vec2 place;
out vec4 colour;

vec4 texel(int part) {
  int at = int(index) * texels + part;
  int across = textureSize(data, 0).x;
  return texelFetch(data, ivec2(at % across, at / across), 0);
}

void main() {
  vec4 seen = view * vec4(texel(0).xyz, 1.0);
  float depth = -seen.z;
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  if (depth <= 1e-6) return;
  vec4 centre = projection * seen;
  colour = texel(1);
  place = corner * 2.0;
  vec2 offset;
  if (radius > 0.0) {
    offset = corner * max(1.1, radius * focal / depth);
  } else {
    vec4 q = normalize(texel(3));
    mat3 turned = mat3(
      1.0 - 2.0 * (q.z * q.z + q.w * q.w), 2.0 * (q.y * q.z + q.x * q.w), 2.0 * (q.y * q.w - q.x * q.z),
      2.0 * (q.y * q.z - q.x * q.w), 1.0 - 2.0 * (q.y * q.y + q.w * q.w), 2.0 * (q.z * q.w + q.x * q.y),
      2.0 * (q.y * q.w + q.x * q.z), 2.0 * (q.z * q.w - q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    vec3 s = texel(2).xyz;
    mat3 spread = mat3(view) * turned * mat3(s.x, 0.0, 0.0, 0.0, s.y, 0.0, 0.0, 0.0, s.z);
    mat3 covariance = spread * transpose(spread);
    vec3 across = vec3(focal / depth, 0.0, focal * seen.x / (depth * depth));
    vec3 upward = vec3(0.0, focal / depth, focal * seen.y / (depth * depth));
    float a = dot(across, covariance * across) + 0.3;  // 0.3: no splat is thinner than a pixel
    float b = dot(across, covariance * upward);
    float c = dot(upward, covariance * upward) + 0.3;
    float middle = 0.5 * (a + c);
    float reach = length(vec2(0.5 * (a - c), b));
    vec2 along = abs(b) < 1e-6 ? (a >= c ? vec2(1.0, 0.0) : vec2(0.0, 1.0)) : normalize(vec2(b, middle + reach - a));
    vec2 longer = min(sqrt(2.0 * (middle + reach)), 1024.0) * along;
    vec2 shorter = min(sqrt(2.0 * max(middle - reach, 0.1)), 1024.0) * vec2(along.y, -along.x);
    offset = place.x * longer + place.y * shorter;
  }
  gl_Position = vec4(centre.xy / centre.w + offset * 2.0 / viewport, centre.z / centre.w, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform float radius;
in vec2 place;
in vec4 colour;
out vec4 painted;
void main() {
  float far = dot(place, place);
  if (far > 4.0) discard;
  float alpha = radius > 0.0 ? 1.0 : colour.a * exp(-far);
  painted = vec4(colour.rgb * alpha, alpha);
}`;

export class CloudPainter {
  /** Throws Error where the browser has no WebGL 2. */
  constructor(canvas) {
    this.gl = canvas.getContext("webgl2", { antialias: true, premultipliedAlpha: true });
    if (!this.gl) throw new Error("This browser has no WebGL 2; download the file to look at it elsewhere.");
    this.count = 0;
    this.#prepare();
  }

  #prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`WebGL: ${gl.getProgramInfoLog(program)}`);
    gl.useProgram(program);
    this.place = (name) => gl.getUniformLocation(program, name);
    const corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    this.order = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.order);
    const index = gl.getAttribLocation(program, "index");
    gl.enableVertexAttribArray(index);
    gl.vertexAttribIPointer(index, 1, gl.UNSIGNED_INT, 0, 0);
    gl.vertexAttribDivisor(index, 1);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
  }

  /** cloud: of readPly; `radius`: of its points where they are no splats. */
  show(cloud, radius) {
    const { gl } = this;
    Object.assign(this, { count: cloud.count, positions: cloud.positions, splats: Boolean(cloud.scales), radius });
    this.texels = this.splats ? 4 : 2;
    const across = gl.getParameter(gl.MAX_TEXTURE_SIZE) >= 4096 ? 4096 : 2048;
    const down = Math.max(1, Math.ceil((cloud.count * this.texels) / across));
    const data = new Float32Array(across * down * 4);
    for (let row = 0; row < cloud.count; row += 1) {
      const at = row * this.texels * 4;
      data.set(cloud.positions.subarray(row * 3, row * 3 + 3), at);
      data.set(cloud.colours.subarray(row * 4, row * 4 + 4), at + 4);
      if (!this.splats) continue;
      data.set(cloud.scales.subarray(row * 3, row * 3 + 3), at + 8);
      data.set(cloud.turns ? cloud.turns.subarray(row * 4, row * 4 + 4) : [1, 0, 0, 0], at + 12);
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, across, down, 0, gl.RGBA, gl.FLOAT, data);
    this.indices = Uint32Array.from({ length: cloud.count }, (_, row) => row);
    gl.bufferData(gl.ARRAY_BUFFER, this.indices, gl.DYNAMIC_DRAW);
  }

  draw(camera, width, height) {
    const { gl } = this;
    const focal = 1 / Math.tan((50 * Math.PI) / 360);
    const view = camera.view();
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (this.splats) {
      this.#sort(view);
      gl.disable(gl.DEPTH_TEST);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    } else {
      gl.enable(gl.DEPTH_TEST);
      gl.disable(gl.BLEND);
    }
    gl.uniformMatrix4fv(this.place("view"), false, view);
    gl.uniformMatrix4fv(this.place("projection"), false, camera.projection(width / height, focal));
    gl.uniform2f(this.place("viewport"), width, height);
    gl.uniform1f(this.place("focal"), (focal * height) / 2);
    gl.uniform1f(this.place("radius"), this.splats ? 0 : this.radius);
    gl.uniform1i(this.place("texels"), this.texels);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.count);
  }

  /** The farthest first: counted by depth in 65,536 steps. */
  #sort(view) {
    const { count, positions } = this;
    const depths = new Float32Array(count);
    let [low, high] = [Infinity, -Infinity];
    for (let row = 0, at = 0; row < count; row += 1, at += 3) {
      const depth = view[2] * positions[at] + view[6] * positions[at + 1] + view[10] * positions[at + 2];
      depths[row] = depth;
      if (depth < low) low = depth;
      if (depth > high) high = depth;
    }
    const scale = 65535 / (high - low || 1);
    const starts = new Uint32Array(65537);
    for (let row = 0; row < count; row += 1) starts[((depths[row] - low) * scale + 1) | 0] += 1;
    for (let step = 1; step < starts.length; step += 1) starts[step] += starts[step - 1];
    for (let row = 0; row < count; row += 1) this.indices[starts[((depths[row] - low) * scale) | 0]++] = row;
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, this.indices);
  }
}
