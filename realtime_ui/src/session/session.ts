import { useQuery, type QueryClient } from "@tanstack/react-query";
import { api } from "../api/endpoints.ts";
import { Problem } from "../api/problem.ts";
import type { Permission, User } from "../api/types.ts";

export const SESSION = ["session"] as const;

/** Who is signed in; null when nobody is. */
export async function currentUser(): Promise<User | null> {
  try {
    return (await api.session()).user;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

export function useSession(): ReturnType<typeof useQuery<User | null>> {
  return useQuery({ queryKey: SESSION, queryFn: currentUser, staleTime: 60_000 });
}

/** Whether whoever is signed in has a permission; the server decides anyway. */
export function usePermission(permission: Permission): boolean {
  return useSession().data?.permissions.includes(permission) ?? false;
}

/** Nobody is signed in any more: what was read belongs to somebody else. */
export function forgetSession(queries: QueryClient): void {
  queries.setQueryData(SESSION, null);
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== SESSION[0] });
}
