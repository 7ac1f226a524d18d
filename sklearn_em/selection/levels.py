"""Structures in the order in which they can start from each other, and in parallel where they cannot."""

from collections.abc import Iterable, Sequence

from sklearn_em.gaussian.covariance import Structure


def special_cases(structure: Structure, others: Iterable[Structure]) -> list[Structure]:
    """Return the nearest special cases of a structure: those that are not special cases of another one."""
    all_of_them = [other for other in others if other.is_special_case_of(structure)]
    return [one for one in all_of_them if not any(one.is_special_case_of(other) for other in all_of_them)]


def levels(structures: Sequence[Structure]) -> list[list[Structure]]:
    """Return the structures level by level: each has its special cases on earlier levels."""
    result: list[list[Structure]] = []
    left = list(structures)
    while left:
        level = [one for one in left if not any(other.is_special_case_of(one) for other in left)]
        left = [one for one in left if one not in level]
        result.append(level)
    return result


def is_extreme(structure: Structure, others: Iterable[Structure]) -> bool:
    """Whether no other structure is a special case of this one, or this one of no other."""
    others = list(others)
    has_special_case = any(one.is_special_case_of(structure) for one in others)
    return not has_special_case or not any(structure.is_special_case_of(one) for one in others)
