// A form for the arguments of a tool, made of their JSON schema.

import { h } from "./dom.js";
import { plain } from "./format.js";
import { state, titleOf } from "./state.js";

const VIDEO = /^video(_id)?$/;

/** {element, read()}: `read` gives the arguments that differ from the defaults; throws Error naming the field. */
export function schemaForm(schema) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]) => field(name, property, required.has(name)));
  return {
    element: h("div", { class: "fields" }, fields.map((one) => one.element)),
    read() {
      const given = {};
      for (const { name, read } of fields) {
        const value = read();
        if (value !== undefined) given[name] = value;
      }
      return given;
    },
  };
}

/** The schema of a value without the "or null" of optional ones. */
function bare(property) {
  const kinds = property.anyOf?.filter((one) => one.type !== "null");
  return kinds?.length === 1 ? { ...property, anyOf: undefined, ...kinds[0] } : property;
}

function field(name, property, required) {
  const schema = bare(property);
  const id = `field-${name}`;
  const hint = schema.description ? `${id}-hint` : undefined;
  const common = { id, "aria-describedby": hint };
  const { input, read } = inputFor(name, schema, property.default, required, common);
  const label = h("label", { for: id }, name.replaceAll("_", " "), required && h("span", { class: "muted" }, " (needed)"));
  const about = hint && h("small", { id: hint }, schema.description);
  const check = input.type === "checkbox";
  return {
    name,
    read: () => {
      try {
        return read();
      } catch (error) {
        input.focus();
        throw new Error(`${name.replaceAll("_", " ")}: ${error.message}`);
      }
    },
    element: h("div", { class: `field ${check ? "check" : ""}` }, check ? [h("span", { class: "row" }, input, label), about] : [label, input, about]),
  };
}

function inputFor(name, schema, fallback, required, common) {
  if (VIDEO.test(name) && schema.type === "string") return videoInput(common);
  if (schema.enum) return choiceInput(schema.enum, fallback, common);
  if (schema.type === "boolean") return boolInput(fallback, common);
  if (schema.type === "number" || schema.type === "integer") return numberInput(schema, fallback, required, common);
  if (schema.type === "string") return textInput(schema, fallback, required, common);
  if (schema.type === "array" && schema.items?.type === "string") return linesInput(schema, fallback, required, common);
  return jsonInput(fallback, required, common);
}

function videoInput(common) {
  const input = h("select", common, [...state.videos.keys()].map((id) => h("option", { value: id }, titleOf(id))));
  const wanted = [...state.chosen][0] ?? state.open;
  if (wanted) input.value = wanted;
  return { input, read: () => input.value || undefined };
}

function choiceInput(choices, fallback, common) {
  const none = fallback === null || fallback === undefined;
  const input = h("select", common, none && h("option", { value: "" }, "–"), choices.map((choice) => h("option", { value: JSON.stringify(choice) }, choice === "" ? "–" : plain(choice))));
  if (!none) input.value = JSON.stringify(fallback);
  return { input, read: () => differing(input.value === "" ? undefined : JSON.parse(input.value), fallback) };
}

function boolInput(fallback, common) {
  const input = h("input", { ...common, type: "checkbox", checked: Boolean(fallback) });
  return { input, read: () => differing(input.checked, fallback ?? false) };
}

function numberInput(schema, fallback, required, common) {
  const input = h("input", {
    ...common, type: "number", step: schema.type === "integer" ? 1 : "any", required,
    min: schema.minimum ?? schema.exclusiveMinimum, max: schema.maximum ?? schema.exclusiveMaximum, placeholder: fallback ?? "",
  });
  return {
    input,
    read: () => {
      if (!input.checkValidity()) throw new Error(input.validationMessage);
      return input.value === "" ? undefined : input.valueAsNumber;
    },
  };
}

function textInput(schema, fallback, required, common) {
  const input = h("input", { ...common, type: "text", required, maxlength: schema.maxLength, placeholder: fallback || "" });
  return {
    input,
    read: () => {
      if (required && !input.value) throw new Error("must be filled in");
      return input.value === "" ? undefined : input.value;
    },
  };
}

function linesInput(schema, fallback, required, common) {
  const input = h("textarea", { ...common, rows: 2, placeholder: fallback?.length ? fallback.join("\n") : "one a line" });
  return {
    input,
    read: () => {
      const lines = input.value.split("\n").map((line) => line.trim()).filter(Boolean);
      const allowed = schema.items.enum;
      const wrong = allowed && lines.find((line) => !allowed.includes(line));
      if (wrong !== undefined && allowed) throw new Error(`${wrong} is not one of ${allowed.join(", ")}`);
      if (required && !lines.length) throw new Error("must be filled in");
      return lines.length ? lines : undefined;
    },
  };
}

function jsonInput(fallback, required, common) {
  const shown = fallback === null || fallback === undefined ? "[…]" : JSON.stringify(fallback);
  const input = h("textarea", { ...common, rows: 2, class: "code", spellcheck: "false", placeholder: `JSON, e.g. ${shown}` });
  return {
    input,
    read: () => {
      if (!input.value.trim()) {
        if (required) throw new Error("must be filled in");
        return undefined;
      }
      try {
        return JSON.parse(input.value);
      } catch {
        throw new Error("is not JSON");
      }
    },
  };
}

const differing = (value, fallback) => (JSON.stringify(value) === JSON.stringify(fallback) ? undefined : value);
