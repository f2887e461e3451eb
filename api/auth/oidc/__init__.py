"""Signing in with an OpenID Connect provider: the authorization code flow with PKCE.

`provider` talks to it, `id_token` judges what it vouches for, `people` finds whose account that is,
`endpoints` leads the browser there and back.
"""
