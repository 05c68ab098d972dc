"""Signatures by other tools of OpenSSF Model Signing: read strictly, checked with a key or certificates that you give.

    bundle        Sigstore bundle and DSSE envelope as several years of tools wrote them -> Bundle
    keys          public keys of more kinds than records know -> VerifyingKey
    certificates  a chain to one of the certificates that the user gave -> Leaf
    timestamps    when it was signed, where an authority that the user gave says so
    statement     the signed statement -> Manifest; nothing in it is believed beyond names and digests
    judge         Manifest against files -> SignatureVerdict

What such a signature proves is less than a seal: somebody's key signed these bytes. Not for which repo, not when,
and whether it was withdrawn since cannot be known. So the word is SIGNATURE VALID and never VERIFIED.
"""
