"""The tables. The leaves are the truth; hashes, index and static files follow from them (`check` recomputes them all).

leaves        every leaf, by index; `digest` is the record's identity and admits it once
tiles         the log's hashes, 256 to a row; the last row of a level grows
buckets       non-empty index buckets; `since` = size of the first checkpoint with this text
index_tiles   256 tiles of bucket hashes per tree, and as number 256 the top tile of their roots; absent = all empty
retired       index objects that a later checkpoint replaced, and when (log time); they go after the maximal age
seals         bundles of logged releases; `index` is the release's leaf
blobs         findings, by digest; `index` is the first identity's leaf that names it, null while none does; `drafted`
              when an identity with it was last drafted for keys elsewhere
looks         what was seen last where an owner publishes a claim: per claim and kind of place
head          one row: size and root of the tree. It moves by compare-and-swap, and that commit is the only truth
pending       verified submissions that wait for the sequencer, or that it refused (status, reason), by arrival
claims        verified claims: waiting, refused or approved; never logged themselves. `due`: when to look for evidence
format        one row: version of these tables
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, MetaData, Table, Text

VERSION = 1

metadata = MetaData()

# SQLite makes a row number only of INTEGER, elsewhere a log outgrows 32 bits.
_Index = BigInteger().with_variant(Integer(), "sqlite")

leaves = Table(
    "leaves", metadata,
    Column("index", _Index, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("leaf", LargeBinary, nullable=False),
)  # fmt: skip

tiles = Table(
    "tiles", metadata,
    Column("level", Integer, primary_key=True),
    Column("index", _Index, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)  # fmt: skip

buckets = Table(
    "buckets", metadata,
    Column("tree", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("since", _Index, nullable=False, index=True),
)  # fmt: skip

index_tiles = Table(
    "index_tiles", metadata,
    Column("tree", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("since", _Index, nullable=False, index=True),
)  # fmt: skip

retired = Table(
    "retired", metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("time", _Index, nullable=False, index=True),
)  # fmt: skip

seals = Table(
    "seals", metadata,
    Column("bundle", LargeBinary, primary_key=True),
    Column("index", _Index, nullable=False, index=True),
    Column("text", Text, nullable=False),
)  # fmt: skip

blobs = Table(
    "blobs", metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("index", _Index, index=True),
    Column("drafted", _Index),
    Column("data", LargeBinary, nullable=False),
)  # fmt: skip

looks = Table(
    "looks", metadata,
    Column("claim", LargeBinary, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("time", _Index, nullable=False),  # of the look
    Column("state", Text, nullable=False),
    Column("says", Text, nullable=False),
    Column("blob", LargeBinary),  # the newest finding that names the claim; it stays when the place is empty later
)  # fmt: skip

head = Table(
    "head", metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("size", _Index, nullable=False),
    Column("root", LargeBinary, nullable=False),
)  # fmt: skip

pending = Table(
    "pending", metadata,
    Column("number", _Index, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("submission", LargeBinary, nullable=False),  # without its seal
    Column("seal", Text),
    Column("received", _Index, nullable=False),
    Column("status", Integer),  # null while it waits, then what the submitter is answered
    Column("reason", Text),
)  # fmt: skip

claims = Table(
    "claims", metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("namespace", Text, nullable=False, index=True),  # lower case
    Column("submission", LargeBinary, nullable=False),  # with all signatures that verified so far
    Column("received", _Index, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("due", _Index, nullable=False, index=True),
)  # fmt: skip

format = Table("format", metadata, Column("version", Integer, primary_key=True, autoincrement=False))
