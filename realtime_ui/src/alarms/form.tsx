import { useId, useState, type ReactElement } from "react";
import { formatNumber } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { instantOf, localOf } from "../orders/dates.ts";
import { Glyph } from "../ui/glyph.tsx";
import type { Body } from "./api.ts";
import { useAlarms, type AlarmTranslator } from "./language.tsx";
import { blankOf, choicesOf, nullable, resolved, unionOf, type Schema, type Schemas } from "./schema.ts";

/** What fields can be chosen from, by the name of the field. */
export type Choices = Readonly<Record<string, readonly { value: string; label: string }[]>>;

interface FormProps {
  schemas: Schemas;
  schema: Schema;
  value: Body;
  change: (value: Body) => void;
  choices: Choices;
  /** Fields that have been shown elsewhere, or cannot be changed. */
  without?: readonly string[];
  /** Moments without an offset are told on this clock. */
  zone: string;
}

/** The fields of a record, as its schema has them: limits, what is by default, what is left out. */
export function SchemaForm({ schemas, schema, value, change, choices, without = [], zone }: FormProps): ReactElement {
  return (
    <div className="alarm-form">
      {Object.entries(schema.properties ?? {})
        .filter(([name, field]) => !without.includes(name) && field.enum?.length !== 1)
        .map(([name, field]) => (
          <Field key={name} name={name} schemas={schemas} told={resolved(schemas, field)} needed={schema.required?.includes(name) === true} value={value[name]} change={(next) => { change({ ...value, [name]: next }); }} choices={choices} zone={zone} />
        ))}
    </div>
  );
}

interface FieldProps {
  name: string;
  schemas: Schemas;
  told: Schema;
  needed: boolean;
  value: unknown;
  change: (value: unknown) => void;
  choices: Choices;
  zone: string;
}

function Field(props: FieldProps): ReactElement {
  const { name, schemas, told, value, change } = props;
  const { schema, empty } = nullable(told);
  if (schema.discriminator !== undefined) return <Union {...props} told={schema} />;
  if (schema.type === "array" && schema.items !== undefined) {
    const item = resolved(schemas, schema.items);
    if (item.properties !== undefined) return <Records {...props} item={item} />;
    if (item.type === "integer") return <Weekdays value={Array.isArray(value) ? value.map(Number) : []} change={change} name={name} />;
    return <Tokens {...props} value={Array.isArray(value) ? value.map(String) : []} />;
  }
  if (schema.type === "object") return <Json name={name} value={value} change={change} />;
  return <Single {...props} told={schema} empty={empty} />;
}

/** What has no fields of its own, as the templates of a provider: JSON, taken once it is right. */
function Json({ name, value, change }: { name: string; value: unknown; change: (value: unknown) => void }): ReactElement {
  const t = useAlarms();
  const { label, hint } = useLabel(name);
  const [text, setText] = useState(() => JSON.stringify(value ?? {}, null, 2));
  const [right, setRight] = useState(true);
  return (
    <label className="field alarm-field alarm-field-wide">
      <span>{label}</span>
      <textarea
        name={name}
        rows={5}
        spellCheck={false}
        className="alarm-json"
        aria-invalid={!right}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          try {
            change(JSON.parse(event.target.value) as unknown);
            setRight(true);
          } catch {
            // Half typed: what was right before stays.
            setRight(false);
          }
        }}
      />
      <small>{right ? hint : t("alarms.no_json")}</small>
    </label>
  );
}

function useLabel(name: string): { label: string; hint: string | null } {
  const t = useAlarms();
  return { label: wordOf(t, "alarm_field", name), hint: t.has(`alarm_hint.${name}`) ? wordOf(t, "alarm_hint", name) : null };
}

const LONG: ReadonlySet<string> = new Set(["response"]);

/** What a number may be, in words: people should not have to find it out. */
function useLimits(schema: Schema): string | null {
  const t = useAlarms();
  const low = schema.minimum ?? schema.exclusiveMinimum;
  // A limit that nobody meets tells nobody anything.
  if (low === undefined || schema.maximum === undefined || schema.maximum >= 1_000_000) return null;
  return t("alarms.limits", { low: formatNumber(low, t.language), high: formatNumber(schema.maximum, t.language), above: schema.exclusiveMinimum === undefined ? "no" : "yes" });
}

function Single({ name, told, needed, empty, value, change, choices, zone }: FieldProps & { empty: boolean }): ReactElement {
  const t = useAlarms();
  const { label, hint } = useLabel(name);
  const limits = useLimits(told);
  const described = useId();
  const listed = choices[name];
  const foot = [hint, limits].filter((each) => each !== null).join(" · ");
  const given = { name, "aria-describedby": foot === "" ? undefined : described };
  if (told.type === "boolean") {
    return (
      <label className="check alarm-field">
        <input type="checkbox" name={name} checked={value === true} onChange={(event) => { change(event.target.checked); }} />
        <span>
          {label} {hint !== null && <span className="faint">{hint}</span>}
        </span>
      </label>
    );
  }
  const text = value === null || value === undefined ? "" : typeof value === "string" || typeof value === "number" ? String(value) : "";
  const set = (said: string): void => { change(said === "" && empty ? null : said); };
  const moment = told.type === "string" && (name === "from" || name === "until") && told.pattern === undefined;
  return (
    <label className={LONG.has(name) ? "field alarm-field alarm-field-wide" : "field alarm-field"}>
      <span>
        {label}
        {needed && <span aria-hidden="true"> *</span>}
      </span>
      {told.enum !== undefined || (listed !== undefined && empty) ? (
        <select {...given} value={text} required={needed} onChange={(event) => { set(event.target.value); }}>
          {empty && <option value="">{t("alarms.none_chosen")}</option>}
          {(told.enum === undefined ? (listed ?? []) : orderOf(name, told.enum).map((each) => ({ value: each, label: choiceWord(t, name, each) }))).map((each) => (
            <option key={each.value} value={each.value}>
              {each.label}
            </option>
          ))}
        </select>
      ) : told.type === "integer" || told.type === "number" ? (
        <input {...given} type="number" required={!empty} min={told.minimum ?? told.exclusiveMinimum} max={told.maximum} step={told.type === "integer" ? 1 : "any"} value={text} onChange={(event) => { change(event.target.value === "" ? null : event.target.valueAsNumber); }} />
      ) : LONG.has(name) ? (
        <textarea {...given} rows={3} required={needed} maxLength={2_000} value={text} onChange={(event) => { set(event.target.value); }} />
      ) : moment ? (
        <input {...given} type="datetime-local" required value={localOf(text === "" ? null : text, zone)} onChange={(event) => { change(event.target.value === "" ? "" : instantOf(event.target.value, zone)); }} />
      ) : (
        <input {...given} type={told.format === "date" ? "date" : told.pattern?.includes("[01][0-9]") === true ? "time" : "text"} required={needed} list={listed === undefined ? undefined : `alarm-list-${name}`} value={text} onChange={(event) => { set(event.target.value); }} />
      )}
      {foot !== "" && <small id={described}>{foot}</small>}
      {listed !== undefined && !empty && told.enum === undefined && <Listed name={name} choices={listed} />}
    </label>
  );
}

/** A choice of a field in words. */
function choiceWord(t: AlarmTranslator, name: string, value: string): string {
  switch (name) {
    case "during":
      return wordOf(t, "alarm_during", value);
    case "counted":
      return wordOf(t, "alarm_counted", value);
    case "until":
      return wordOf(t, "alarm_until", value);
    case "channel":
      return wordOf(t, "alarm_channel", value);
    case "language":
      return wordOf(t, "alarm_language", value);
    case "tls":
      return wordOf(t, "alarm_tls", value);
    default:
      return wordOf(t, "alarm_priority", value);
  }
}

const URGENCY = ["low", "medium", "high", "critical"];

function orderOf(name: string, values: readonly string[]): readonly string[] {
  return name === "priority" || name === "least" || name === "quiet_breaks" ? URGENCY.filter((each) => values.includes(each)) : values;
}

function Listed({ name, choices }: { name: string; choices: Choices[string] }): ReactElement {
  return (
    <datalist id={`alarm-list-${name}`}>
      {choices.map((each) => (
        <option key={each.value} value={each.value}>
          {each.label}
        </option>
      ))}
    </datalist>
  );
}

/** A list of words: each with a way out, and one more by Enter or by choosing it. */
function Tokens({ name, value, change, choices }: Omit<FieldProps, "value"> & { value: readonly string[] }): ReactElement {
  const t = useAlarms();
  const { label, hint } = useLabel(name);
  const [said, setSaid] = useState("");
  const listed = choices[name] ?? [];
  const add = (word: string): void => {
    if (word.trim() !== "" && !value.includes(word.trim())) change([...value, word.trim()]);
    setSaid("");
  };
  return (
    <div className="field alarm-field" role="group" aria-label={label}>
      <span>{label}</span>
      <div className="alarm-tokens">
        {value.map((word) => (
          <span key={word} className="alarm-token">
            {listed.find((each) => each.value === word)?.label ?? word}
            <button type="button" aria-label={t("alarms.remove_word", { word })} onClick={() => { change(value.filter((each) => each !== word)); }}>
              <Glyph name="close" />
            </button>
          </span>
        ))}
        <input
          name={name}
          aria-label={t("alarms.add_word", { what: label })}
          placeholder={value.length === 0 ? t("alarms.none_yet") : ""}
          list={`alarm-list-${name}`}
          value={said}
          onChange={(event) => {
            // What is chosen from the list counts at once.
            if (listed.some((each) => each.value === event.target.value)) add(event.target.value);
            else setSaid(event.target.value);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || said.trim() === "") return;
            event.preventDefault();
            add(said);
          }}
          onBlur={() => { add(said); }}
        />
      </div>
      {hint !== null && <small>{hint}</small>}
      <Listed name={name} choices={listed} />
    </div>
  );
}

function Weekdays({ name, value, change }: { name: string; value: readonly number[]; change: (value: readonly number[]) => void }): ReactElement {
  const t = useAlarms();
  const { label } = useLabel(name);
  return (
    <div className="field alarm-field" role="group" aria-label={label}>
      <span>{label}</span>
      <div className="chips">
        {Array.from({ length: 7 }, (_, day) => (
          <button key={day} type="button" className="chip" aria-pressed={value.includes(day)} onClick={() => { change(value.includes(day) ? value.filter((each) => each !== day) : [...value, day].sort((left, right) => left - right)); }}>
            {t(`alarm_weekday.${day as Weekday}`)}
          </button>
        ))}
      </div>
    </div>
  );
}

type Weekday = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** A list of records, each with fields of its own. */
function Records({ name, schemas, item, value, change, choices, told, zone }: FieldProps & { item: Schema }): ReactElement {
  const t = useAlarms();
  const { label, hint } = useLabel(name);
  const rows = Array.isArray(value) ? (value as Body[]) : [];
  return (
    <fieldset className="alarm-records">
      <legend>{label}</legend>
      {hint !== null && <p className="faint">{hint}</p>}
      {rows.map((row, place) => (
        <div key={place} className="alarm-record" role="group" aria-label={t("alarms.record", { what: label, n: place + 1 })}>
          <SchemaForm schemas={schemas} schema={item} value={row} change={(next) => { change(rows.map((each, at) => (at === place ? next : each))); }} choices={choices} zone={zone} />
          {rows.length > (told.minItems ?? 0) && (
            <button type="button" className="button button-quiet button-small" aria-label={t("alarms.remove_record", { what: label, n: place + 1 })} onClick={() => { change(rows.filter((_, at) => at !== place)); }}>
              <Glyph name="close" />
            </button>
          )}
        </div>
      ))}
      {rows.length < (told.maxItems ?? Infinity) && (
        <button type="button" className="button button-small" onClick={() => { change([...rows, blankOf(schemas, item)]); }} data-testid={`add-${name}`}>
          <Glyph name="plus" />
          {t("alarms.add_record", { what: label })}
        </button>
      )}
    </fieldset>
  );
}

/** What is watched for: its kind first, then the fields of that kind. */
function Union({ name, schemas, told, value, change, choices, zone }: FieldProps): ReactElement {
  const t = useAlarms();
  const { label } = useLabel(name);
  const tag = told.discriminator?.propertyName ?? "kind";
  const body: Body = typeof value === "object" && value !== null ? (value as Body) : {};
  const kinds = choicesOf(schemas, told);
  const said = body[tag];
  const kind = typeof said === "string" ? said : "";
  const chosen = kinds.get(kind);
  return (
    <fieldset className="alarm-records">
      <legend>{label}</legend>
      <div className="alarm-record">
        <label className="field alarm-field">
          <span>{t("alarms.watched")}</span>
          <select name={tag} value={kind} onChange={(event) => { change(unionOf(schemas, told, event.target.value)); }}>
            {[...kinds.keys()].map((each) => (
              <option key={each} value={each}>
                {wordOf(t, "alarm_kind", each)}
              </option>
            ))}
          </select>
          <small>{wordOf(t, "alarm_kind_text", kind)}</small>
        </label>
        {chosen !== undefined && <SchemaForm schemas={schemas} schema={chosen} value={body} change={change} choices={choices} without={[tag]} zone={zone} />}
      </div>
    </fieldset>
  );
}
