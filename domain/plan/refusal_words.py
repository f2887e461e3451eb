"""Why the planner says no to a question, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.plan.fact_words import Language, Said

REFUSAL_WORDS: Final[Mapping[str, Said]] = {
    # What was asked for cannot be made (`domain.plan.what_if.ChangeError`).
    "unknown_operation": Said(
        "operation {operation} is over, or cannot be planned", "工序 {operation} 已结束或无法排程"
    ),
    "unknown_machine": Said(
        "machine {machine} is not in this planning scope", "设备 {machine} 不在此排程范围内"
    ),
    "unknown_order": Said(
        "nothing of the order is planned: it is done, or nothing of it was released",
        "该订单没有排程内容：已完工或尚未下达",
    ),
    "running": Said(
        "{operation} has started: it stays where it is", "{operation} 已开工，保持不动"
    ),
    "no_mode": Said("{what} cannot be done on {where}", "{what} 不能在 {where} 上加工"),
    "not_there": Said(
        "{operation} is not planned on {machine}: nothing can come right before it",
        "{operation} 不在 {machine} 上，无法排到它之前",
    ),
    "pinned_there": Said(
        "{operation} has started on {machine}: nothing comes before it",
        "{operation} 已在 {machine} 上开工，无法排到它之前",
    ),
    "no_steps": Said("there is no work in the order", "该订单没有任何工序"),
    "no_machine": Said("{what} cannot be done on {where}", "{what} 不能在 {where} 上加工"),
    "no_resource": Said(
        "there are never so many people or tools as {what} needs", "{what} 所需的人员或工装始终不足"
    ),
    "too_long": Said("{what} would take more than ten years", "{what} 需要十年以上"),
    "policy": Said("the policy cannot be that: {problem}", "策略不能如此设定：{problem}"),
    "empty_span": Said("the time is over, or ends before it begins", "时间段已过，或结束早于开始"),
    "unknown_resource": Said(
        "nothing that is planned needs {resource}", "排程中没有工序需要 {resource}"
    ),
    "several_sites": Said(
        "several sites have {resource}: name the site", "多个工厂都有 {resource}：请指明工厂"
    ),
    "one_piece": Said(
        "{operation} is of one piece: there is nothing to split", "{operation} 只有一件，无法拆分"
    ),
    "decided": Said(
        "{operation} has started or is locked: free it first, or split what comes later",
        "{operation} 已开工或锁定：请先解锁，或拆分后面的工序",
    ),
    # Prices of rush orders (`domain.plan.rush.RushError`).
    "begun": Said(
        "nothing of it is left that could be put elsewhere: the floor has begun all of it",
        "全部工序已开工，无法再调整",
    ),
    "waited_for": Said(
        "other work is made of it, which would have to move as well",
        "有其他工单以它为前提，须一并移动",
    ),
    "not_supported": Said(
        "it shares people, tools or ovens in a way that a price cannot be told for; make a draft"
        " with the order instead",
        "它与其他工序共用人员、工装或炉子，无法给出代价；请改为用该订单做一个草案",
    ),
    # How things are.
    "no_plan": Said(
        "there is no plan of '{scope}' with this: {why}", "“{scope}”在此条件下没有可行计划：{why}"
    ),
    "circle": Said("{operation} would have to wait for itself", "{operation} 须等待自身"),
    "contradiction": Said(
        "precedence, locks and frozen work contradict each other",
        "先后关系、锁定与冻结互相矛盾",
    ),
    "not_kept": Said(
        "the plan is not kept in full any more: ask about a newer one",
        "该版计划已不完整保存，请查询较新的计划",
    ),
    "not_asked": Said("a {what} is not asked here", "此处不能询问 {what}"),
    "busy": Said(
        "plans of '{scope}' follow each other too fast to stand on one: ask again",
        "“{scope}”的计划更新过快，请稍后再试",
    ),
    "broken": Said(
        "the planner could not work it out ({error}); see its log",
        "计划程序未能算出结果（{error}），详见其日志",
    ),
}


def refusal(code: str, language: Language = Language.ENGLISH, **values: object) -> str:
    """Why not, for people.

    Raises:
        KeyError: there are no such words, or a value is missing that they name.
    """
    return REFUSAL_WORDS[code].by(language).format(**values)
