import type { Body } from "./api.ts";

/** A part of the JSON Schema of definitions, as far as forms go by it. */
export interface Schema {
  $ref?: string;
  type?: string;
  enum?: readonly string[];
  anyOf?: readonly Schema[];
  discriminator?: { propertyName: string; mapping: Readonly<Record<string, string>> };
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
  default?: unknown;
}

export interface Schemas {
  $defs: Readonly<Record<string, Schema>>;
}

const NAMES = { rules: "Rule", escalations: "Escalation", rotas: "Rota", recipients: "Recipient" } as const;

/** A schema with what it refers to in its place; what it says itself, as a default, stays. */
export function resolved(schemas: Schemas, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  return { ...schemas.$defs[$ref.split("/").at(-1) ?? ""], ...own };
}

export function schemaOf(schemas: Schemas, kind: keyof typeof NAMES): Schema {
  return schemas.$defs[NAMES[kind]] ?? {};
}

/** The schema of a value that may be null, and whether it may. */
export function nullable(schema: Schema): { schema: Schema; empty: boolean } {
  const rest = schema.anyOf?.filter((each) => each.type !== "null");
  if (rest === undefined || rest.length === schema.anyOf?.length) return { schema, empty: false };
  const [only] = rest;
  return rest.length === 1 && only !== undefined ? { schema: { ...only, default: schema.default }, empty: true } : { schema, empty: true };
}

/** The kinds of a tagged union, by their tags. */
export function choicesOf(schemas: Schemas, schema: Schema): ReadonlyMap<string, Schema> {
  return new Map(Object.entries(schema.discriminator?.mapping ?? {}).map(([tag, ref]) => [tag, resolved(schemas, { $ref: ref })]));
}

/** What a new record is before anybody has said anything. */
export function blankOf(schemas: Schemas, schema: Schema): Body {
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, told]): [string, unknown][] => {
    const field = resolved(schemas, told);
    if (told.default !== undefined) return [[name, told.default]];
    if (field.default !== undefined) return [[name, field.default]];
    if (field.discriminator !== undefined) {
      const [first] = choicesOf(schemas, field);
      return first === undefined ? [] : [[name, unionOf(schemas, field, first[0])]];
    }
    if (field.type === "array") return [[name, field.minItems === undefined || field.items === undefined ? [] : listOf(schemas, field.items)]];
    if (field.type === "string" || field.type === undefined) return [[name, field.enum?.[0] ?? ""]];
    return [[name, null]];
  });
  return Object.fromEntries(fields);
}

function listOf(schemas: Schemas, items: Schema): readonly unknown[] {
  const item = resolved(schemas, items);
  return item.properties === undefined ? [] : [blankOf(schemas, item)];
}

/** A value of a tagged union that is of a kind now, with what is by default. */
export function unionOf(schemas: Schemas, schema: Schema, tag: string): Body {
  const name = schema.discriminator?.propertyName ?? "kind";
  const chosen = choicesOf(schemas, schema).get(tag) ?? {};
  return { ...blankOf(schemas, chosen), [name]: tag };
}

/** What is told without what is as by default: how people write it. */
export function lean(schemas: Schemas, schema: Schema, body: Body): Body {
  return Object.fromEntries(
    Object.entries(body).flatMap(([name, value]): [string, unknown][] => {
      const told = schema.properties?.[name];
      if (told === undefined) return [[name, value]];
      const field = resolved(schemas, told);
      if (JSON.stringify(value) === JSON.stringify(told.default ?? field.default)) return [];
      return [[name, leanValue(schemas, field, value)]];
    }),
  );
}

function leanValue(schemas: Schemas, field: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const item = field.items === undefined ? undefined : resolved(schemas, field.items);
    return item?.properties === undefined ? value : value.map((each) => lean(schemas, item, each as Body));
  }
  if (typeof value !== "object" || value === null) return value;
  const tag = field.discriminator === undefined ? undefined : (value as Body)[field.discriminator.propertyName];
  const chosen = typeof tag === "string" ? choicesOf(schemas, field).get(tag) : field;
  return chosen === undefined ? value : { ...(tag === undefined ? {} : { kind: tag }), ...lean(schemas, chosen, value as Body) };
}
