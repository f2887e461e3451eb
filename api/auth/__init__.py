"""Who is asking: sessions of people, bearer tokens of programs, and what each may do."""
