import { useEffect, useState, type ReactElement } from "react";
import { formatDuration } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { alarmName, PriorityBadge } from "./badge.tsx";
import { pauseMs, POLICIES, Sounder, sounds, storedPolicy, storePolicy, type SoundPolicy } from "./sound.ts";
import { subjectOf } from "./subject.ts";
import { useUrgent } from "./urgent.ts";
import "./strip.css";

/** The site's most urgent alarms on the wall: read from three metres, and heard if the board is to sound. */
export function WallAlarms({ site, wanted }: { site: string; wanted: SoundPolicy | undefined }): ReactElement {
  const t = useT();
  const now = useNow();
  const { urgent } = useUrgent(site);
  const first = urgent?.items[0];
  return (
    <section className={`alarm-strip alarm-strip-wall${first === undefined ? "" : ` alarm-strip-${first.priority}`}`} aria-label={t("alarms.strip")} data-testid="wall-alarms">
      {first === undefined || urgent === undefined ? (
        <span className="alarm-strip-none">
          {urgent !== undefined && <Glyph name="alarm_none" />}
          {t(urgent === undefined ? "alarms.unknown" : "alarms.none")}
        </span>
      ) : (
        <p className="alarm-strip-first" role="alert">
          <PriorityBadge t={t} priority={first.priority} act />
          <strong>{alarmName(t, first)}</strong>
          <span className="alarm-strip-subject">{subjectOf(first)}</span>
          <span className="alarm-strip-age">{formatDuration(t, now - Date.parse(first.raised_at))}</span>
          {urgent.total > 1 && <span className="alarm-strip-age">{t("alarms.more", { n: urgent.total - 1 })}</span>}
        </p>
      )}
      <Sound loudest={first?.priority} wanted={wanted} />
    </section>
  );
}

/** The board's sound: off, for critical alarms, or for high ones as well; until somebody acknowledges. */
function Sound({ loudest, wanted }: { loudest: "critical" | "high" | "medium" | "low" | undefined; wanted: SoundPolicy | undefined }): ReactElement {
  const t = useT();
  const [policy, setPolicy] = useState(() => wanted ?? storedPolicy());
  const [sounder] = useState(() => new Sounder());
  const [ready, setReady] = useState(false);
  const on = policy !== "off";
  useEffect(() => {
    if (!on) return undefined;
    let here = true;
    const arm = (): void => {
      void sounder.arm().then((may) => {
        if (here) setReady(may);
      });
    };
    arm();
    // Any touch or key will do: a wall has no small buttons.
    document.addEventListener("pointerdown", arm);
    document.addEventListener("keydown", arm);
    return () => {
      here = false;
      document.removeEventListener("pointerdown", arm);
      document.removeEventListener("keydown", arm);
    };
  }, [on, sounder]);
  useEffect(() => () => { sounder.close(); }, [sounder]);
  const heard = ready && loudest !== undefined && sounds(policy, loudest) ? loudest : null;
  useEffect(() => {
    if (heard === null) return undefined;
    sounder.play(heard);
    const timer = setInterval(() => { sounder.play(heard); }, pauseMs(heard));
    return () => { clearInterval(timer); };
  }, [heard, sounder]);
  const next = POLICIES[(POLICIES.indexOf(policy) + 1) % POLICIES.length] ?? "off";
  return (
    <>
      {on && !ready && (
        <span className="alarm-sound-ask" role="status" data-testid="sound-ask">
          {t("alarms.sound_ask")}
        </span>
      )}
      <button
        type="button"
        className="button button-quiet alarm-sound"
        aria-label={t("alarms.sound_next", { now: t(`alarm_sound.${policy}`), next: t(`alarm_sound.${next}`) })}
        onClick={() => {
          storePolicy(next);
          setPolicy(next);
        }}
        data-testid="sound"
        data-policy={policy}
        data-heard={heard ?? ""}
      >
        <Glyph name={on && ready ? "sound_on" : "sound_off"} />
        {t(`alarm_sound.${policy}`)}
      </button>
    </>
  );
}
