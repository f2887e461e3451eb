import type { ReactElement, ReactNode } from "react";
import { Displacement, Goals } from "../goals.tsx";
import type { PlanTranslator } from "../language.tsx";
import type { PlanStore } from "../store.ts";
import { mayMove } from "../gantt/hand.ts";
import { operationKey, type Wish } from "./wishes.ts";

interface FieldsProps {
  t: PlanTranslator;
  wish: Wish;
  edit: (part: Partial<Wish>) => void;
  store: PlanStore;
  items: readonly { code: string; name: string }[];
}

type Text = { [Name in keyof Wish]: Wish[Name] extends string ? Name : never }[keyof Wish];

/** The fields of one kind of change. */
export function WishFields(props: FieldsProps): ReactElement {
  switch (props.wish.kind) {
    case "overtime":
    case "machine_down":
      return <SpanFields {...props} />;
    case "resource_away":
      return <AwayFields {...props} />;
    case "more_of_resource":
      return <MoreFields {...props} />;
    case "due":
      return (
        <Row>
          <OrderField {...props} />
          <Input {...props} name="due" type="datetime-local" />
        </Row>
      );
    case "priority":
      return (
        <Row>
          <OrderField {...props} />
          <Input {...props} name="priority" type="number" min={0} max={999} step={1} />
        </Row>
      );
    case "remove_order":
      return (
        <Row>
          <OrderField {...props} />
        </Row>
      );
    case "add_order":
      return <NewOrderFields {...props} />;
    case "material":
      return <MaterialFields {...props} />;
    case "policy":
      return <PolicyFields {...props} />;
  }
}

function Row({ children }: { children: ReactNode }): ReactElement {
  return <div className="rush-fields">{children}</div>;
}

interface InputProps extends FieldsProps {
  name: Exclude<Text, "kind">;
  type?: "text" | "number" | "datetime-local";
  list?: string;
  min?: number;
  max?: number;
  step?: number | "any";
  placeholder?: string;
}

function Input({ t, wish, edit, name, type = "text", list, min, max, step, placeholder }: InputProps): ReactElement {
  return (
    <label className="field">
      <span>{t(`wish.${name}`)}</span>
      <input name={`wish-${name}`} type={type} list={list} autoComplete="off" min={min} max={max} step={step} placeholder={placeholder} value={wish[name]} onChange={(event) => { edit({ [name]: event.target.value }); }} />
    </label>
  );
}

/** A machine, or a line: all its machines. */
function SpanFields(props: FieldsProps): ReactElement {
  const { t, wish, edit, store } = props;
  const lines = new Map<string, { path: string; name: string }[]>();
  for (const { view } of store.machines.values()) {
    const line = `${view.site}/${view.area}/${view.line}`;
    lines.set(line, [...(lines.get(line) ?? []), { path: view.machine, name: view.name }]);
  }
  return (
    <Row>
      <label className="field wish-wide">
        <span>{t("wish.where")}</span>
        <select name="wish-where" value={wish.where} onChange={(event) => { edit({ where: event.target.value }); }}>
          <option value="">{t("wish.choose")}</option>
          {[...lines].map(([line, machines]) => (
            <optgroup key={line} label={line.split("/").slice(1).join(" / ")}>
              {machines.length > 1 && <option value={line}>{t("wish.whole_line", { line: line.split("/").at(-1) ?? line, n: machines.length })}</option>}
              {machines.map((machine) => (
                <option key={machine.path} value={machine.path}>
                  {machine.name}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      <Input {...props} name="from" type="datetime-local" />
      <Input {...props} name="until" type="datetime-local" />
    </Row>
  );
}

/** Somebody or something is not there; of several alike, so many. */
function AwayFields(props: FieldsProps): ReactElement {
  const { t, wish, edit, store } = props;
  const all = [...store.resources.values()].map(({ view }) => view).sort((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));
  const chosen = all.find((each) => String(each.id) === wish.resource);
  return (
    <Row>
      <label className="field wish-wide">
        <span>{t("wish.resource")}</span>
        <select name="wish-resource" value={wish.resource} onChange={(event) => { edit({ resource: event.target.value, count: String(all.find((each) => String(each.id) === event.target.value)?.quantity ?? 1) }); }}>
          <option value="">{all.length === 0 ? t("wish.no_resources") : t("wish.choose")}</option>
          {(["operator", "tool"] as const).map((kind) => (
            <optgroup key={kind} label={t(`wish.group.${kind}`)}>
              {all.filter((each) => each.kind === kind).map((each) => (
                <option key={each.id} value={each.id}>
                  {each.quantity > 1 ? t("wish.several", { n: each.quantity, name: each.name }) : each.name}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      {chosen !== undefined && chosen.quantity > 1 && <Input {...props} name="count" type="number" min={1} max={chosen.quantity} step={1} />}
      <Input {...props} name="from" type="datetime-local" />
      <Input {...props} name="until" type="datetime-local" />
    </Row>
  );
}

/** One more of a skill or of a tool, for a time. */
function MoreFields(props: FieldsProps): ReactElement {
  const { store } = props;
  const skills = [...new Set([...store.resources.values()].flatMap(({ view }) => (view.skills.length > 0 ? view.skills : [view.code])))].sort();
  return (
    <Row>
      <Input {...props} name="skill" list="wish-skills" />
      <Input {...props} name="count" type="number" min={1} step={1} />
      <Input {...props} name="from" type="datetime-local" />
      <Input {...props} name="until" type="datetime-local" />
      <datalist id="wish-skills">
        {skills.map((skill) => (
          <option key={skill} value={skill} />
        ))}
      </datalist>
    </Row>
  );
}

function OrderField(props: FieldsProps): ReactElement {
  const open = [...new Set([...props.store.bars.values()].flatMap((bar) => bar.view.order_number ?? []))].sort();
  return (
    <>
      <Input {...props} name="order" list="wish-orders" />
      <datalist id="wish-orders">
        {open.map((number) => (
          <option key={number} value={number} />
        ))}
      </datalist>
    </>
  );
}

function NewOrderFields(props: FieldsProps): ReactElement {
  return (
    <Row>
      <Input {...props} name="item" list="wish-items" />
      <Input {...props} name="quantity" type="number" min={0.001} step="any" />
      <Input {...props} name="due" type="datetime-local" />
      <Input {...props} name="priority" type="number" min={0} max={999} step={1} placeholder={props.t("rush.by_policy")} />
      <datalist id="wish-items">
        {props.items.map((item) => (
          <option key={item.code} value={item.code}>
            {item.name}
          </option>
        ))}
      </datalist>
    </Row>
  );
}

function MaterialFields(props: FieldsProps): ReactElement {
  const waiting = [...props.store.bars.values()].filter(mayMove);
  return (
    <Row>
      <Input {...props} name="operation" list="wish-operations" placeholder="WO-12 · 20" />
      <Input {...props} name="at" type="datetime-local" />
      <datalist id="wish-operations">
        {waiting.map((bar) => (
          <option key={bar.id} value={operationKey(bar)}>
            {[bar.view.name, bar.view.order_number, bar.view.item].filter((part) => part !== null).join(" · ")}
          </option>
        ))}
      </datalist>
    </Row>
  );
}

/** What the plan is to be good for, in which order; what it must leave alone. */
function PolicyFields(props: FieldsProps): ReactElement {
  const { t, wish, edit } = props;
  return (
    <>
      <Goals t={t} goals={wish.goals} change={(goals) => { edit({ goals }); }} />
      <Row>
        <Input {...props} name="moveTolerance" type="number" min={0} step="any" />
        <Input {...props} name="frozen" type="number" min={0} step="any" />
        <Displacement t={t} value={wish.displacement} change={(displacement) => { edit({ displacement }); }} />
      </Row>
    </>
  );
}
