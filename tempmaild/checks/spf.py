"""SPF: whether the client may send mail for the domains that it names (RFC 7208).

pyspf evaluates the records: terms in their order, inclusion and redirection, and the limits of RFC 7208 §4.6.4. It
runs in a greenlet that waits for our resolver. The grammar and the macros are ours (`core.spf_record`), as pyspf's
are loose and take quadratic time; nothing of pyspf's own DNS is used, and every check has a query of its own.

Of the same answers of DNS comes the same outcome for a client and a domain, unless macros ask for more. So it is kept
for the client's next message.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import idna
import spf

from tempmaild.checks.dns import LookupFailed, NoSuchName
from tempmaild.checks.kept import MOST_KEPT, Asking, Kept
from tempmaild.checks.waiting import run_waiting, shortly_before, wait_for, within
from tempmaild.core.dns_message import LONGEST_NAME
from tempmaild.core.received_spf import printable, received_spf
from tempmaild.core.spf_record import Malformed, expand_explanation, expand_name, mechanism, tidy
from tempmaild.core.verdict import Finding, Refusal, Report

if TYPE_CHECKING:
    from tempmaild.checks.dns import Resolver
    from tempmaild.checks.mail import Examined, Mail
    from tempmaild.core.dns_message import Value

_LONGEST_EXPLANATION: Final = 200
_LONGEST_REFUSAL: Final = 400
"""Characters; with the codes it has to fit into a reply of 512 octets (RFC 5321 §4.5.3.1.5)."""
_LONGEST_PROBLEM: Final = 120

# RFC 7208 §4.3: more than one label; the last one is none of an IP address.
_DOMAIN: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+(?![0-9]+$)[a-z0-9_-]{1,63}")
_LABELS: Final = re.compile(r"[^.]{1,63}(?:\.[^.]{1,63})*")
_ADDRESS_BITS: Final = {"A": 32, "AAAA": 128}

_UNKNOWN: Final = Refusal("5.7.24", "The SPF record of the sender's domain could not be looked up")  # RFC 7372 §3.2
_COMMENTS: Final = {
    "pass": "domain of {identity} designates {client} as permitted sender",
    "fail": "domain of {identity} does not designate {client} as permitted sender",
    "softfail": "domain of {identity} discourages the use of {client} as sender",
    "neutral": "{client} is neither permitted nor denied by the domain of {identity}",
    "none": "domain of {identity} has no SPF record",
    "temperror": "the SPF record of {identity} could not be looked up",
    "permerror": "the SPF record of {identity} has an error",
}


class Identity(NamedTuple):
    """Somebody for whom the client may or may not send mail.

    Attributes:
        kind: "mailfrom" or "helo" (RFC 7208 §2.3, §2.4).
        local_part: without quotes.
        domain: in lower case and with A-labels; "" where what was given is no domain that can have a record.
        given: as the client has named it.
    """

    kind: str
    local_part: str
    domain: str
    given: str


class Outcome(NamedTuple):
    """What SPF says about one identity.

    Attributes:
        result: of RFC 7208 §2.6.
        mechanism: the term that matched; "" for none, or where there is no record.
        problem: what is wrong with the record, or what could not be looked up.
        explanation: of a fail, in the words of the domain's owner, as one line of printable ASCII.
    """

    result: str
    mechanism: str = ""
    problem: str = ""
    explanation: str = ""


_NO_DOMAIN: Final = Outcome("none", problem="this is no domain name")


class Spf:
    """Checks the names that a client gives: that of MAIL FROM, and that of HELO.

    The first finding is about the identity that counts (RFC 7208 §2.4: MAIL FROM, or HELO for the null reverse-path);
    a second one tells of HELO besides, when its domain says something about it.

    Args:
        host: who we are in Received-SPF, and in the macro "r".
        seconds: how long it may take. RFC 7208 §4.6.4 thinks of 20; senders wait meanwhile.
    """

    def __init__(self, resolver: Resolver, host: str, seconds: float) -> None:
        self._resolver = resolver
        self._host = host
        self._seconds = shortly_before(seconds)
        self._kept: Kept[Outcome] = Kept(resolver, MOST_KEPT)

    async def examine(self, examined: Examined) -> Report:
        """Check a message."""
        mail = examined.mail
        if not mail.outside_client:
            return Report(findings=(Finding("spf", "none", reason="the mail was relayed by a host of ours"),))
        identities = _identities(mail)
        outcomes: list[Outcome] = []
        try:
            if not self._recall(mail, identities, outcomes):
                await within(self._seconds, run_waiting(self._evaluate, mail, identities, outcomes))
        except TimeoutError:
            outcomes.append(Outcome("temperror", problem="it took too long"))
        first, *others = zip(identities, outcomes, strict=False)
        told = (first, *[each for each in others if each[1].result != "none"])
        return _report(self._host, mail.client, mail.helo, mail.sender, told)

    def _evaluate(self, mail: Mail, identities: list[Identity], outcomes: list[Outcome]) -> None:
        for identity in identities[len(outcomes) :]:
            if not identity.domain:
                outcomes.append(_NO_DOMAIN)
                continue
            query = _Query(self._resolver, mail, identity, self._host)
            outcomes.append(query.outcome())
            self._kept.keep((mail.client, identity.domain), outcomes[-1], query.asking)

    def _recall(self, mail: Mail, identities: list[Identity], outcomes: list[Outcome]) -> bool:
        """Give outcomes that would be the same again, and tell whether these are all."""
        for identity in identities:
            outcome = self._kept.recall((mail.client, identity.domain))
            if outcome is None:
                return False
            outcomes.append(outcome)
        return True


def _identities(mail: Mail) -> list[Identity]:
    """Give those to check; the first one counts."""
    helo = Identity("helo", "postmaster", _domain(mail.helo), mail.helo)
    if not mail.sender:
        return [helo]
    local_part, _, domain = mail.sender.rpartition("@")
    if local_part.startswith('"'):
        local_part = re.sub(r"\\(.)", r"\1", local_part[1:-1])
    # RFC 7208 §4.3: without a local part, "postmaster" is meant.
    sender = Identity("mailfrom", local_part or "postmaster", _domain(domain), mail.sender)
    return [sender, helo] if helo.domain else [sender]


def _domain(name: str) -> str:
    """Give a domain in the form in which DNS is asked (RFC 8616 §4), or "" if no record can be there."""
    folded = name.removesuffix(".").lower()
    if len(folded) > LONGEST_NAME:
        return ""
    if not folded.isascii():
        try:
            folded = idna.encode(folded, uts46=True).decode("ascii")
        except idna.IDNAError:
            return ""
    return folded if len(folded) <= LONGEST_NAME and _DOMAIN.fullmatch(folded) else ""


@lru_cache(maxsize=1024)
def _report(host: str, client: str, helo: str, sender: str, told: tuple[tuple[Identity, Outcome], ...]) -> Report:
    """Say what the outcomes come to; who sends one message often sends another."""
    findings = tuple(_finding(identity, outcome) for identity, outcome in told)
    fields = tuple(_field(host, client, helo, sender, identity, outcome) for identity, outcome in told)
    failed = next((each for each in told if each[1].result == "fail"), None)
    if failed:
        return Report("bad", findings, fields, refusal=_refusal(client, *failed))
    if told[0][1].result == "temperror":
        return Report("failed", findings, fields, refusal=_UNKNOWN)
    return Report("fine", findings, fields)


def _field(host: str, client: str, helo: str, sender: str, identity: Identity, outcome: Outcome) -> bytes:
    comment = _COMMENTS[outcome.result].format(identity=identity.given, client=client)
    matched = "" if outcome.result == "none" else outcome.mechanism or "default"
    in_error = outcome.result in {"temperror", "permerror"}
    pairs = (
        ("client-ip", client),
        ("envelope-from", sender),
        ("helo", helo),
        ("receiver", host),
        ("identity", identity.kind),
        ("mechanism", "" if in_error else matched),
        ("problem", outcome.problem),
    )
    return received_spf(outcome.result, f"{host}: {comment}", pairs)


def _finding(identity: Identity, outcome: Outcome) -> Finding:
    # RFC 8601 §2.7.2
    name = identity.domain or identity.given.rpartition("@")[2]
    return Finding("spf", outcome.result, ((f"smtp.{identity.kind}", name),), outcome.problem)


def _refusal(client: str, identity: Identity, outcome: Outcome) -> Refusal:
    """Say why mail is refused (RFC 7372 §3.2), with the reasons of the domain's owner as such (RFC 7208 §11.5)."""
    command = "MAIL FROM" if identity.kind == "mailfrom" else "HELO"
    text = f"SPF {command} check failed: {identity.domain} does not let {client} send its mail"
    if outcome.explanation:
        text += f"; {identity.domain} explains: {outcome.explanation}"
    return Refusal("5.7.23", printable(text, _LONGEST_REFUSAL))


class _Explanation(NamedTuple):
    """Where the explanation of a fail is: it is looked up when there is one to explain (RFC 7208 §6.2)."""

    name: str
    domain: str


class _Query(spf.query):  # type: ignore[misc] # pyspf has no types
    """One evaluation. Its one-letter attributes are the values of macros."""

    def __init__(self, resolver: Resolver, mail: Mail, identity: Identity, host: str) -> None:
        super().__init__(None, f"{identity.local_part}@{identity.domain}", mail.helo, receiver=host)
        self.__dict__.update(_of_client(mail.client))
        self.l = identity.local_part
        self.o = self.d = identity.domain
        self.asking = Asking(resolver)

    def outcome(self) -> Outcome:
        """Evaluate the record of the domain."""
        result, _, told = self.check()
        if result in {"temperror", "permerror"}:
            problem = printable(": ".join([self.prob, *self.mech]), _LONGEST_PROBLEM)
            return Outcome(result, problem=problem)
        explanation = self._explain(told) if isinstance(told, _Explanation) and result == "fail" else ""
        return Outcome(result, mechanism=self.mechanism or "", explanation=explanation)

    def _explain(self, told: _Explanation) -> str:
        """Look up an explanation; whatever is wrong with it, there is none (RFC 7208 §6.2)."""
        self.d = told.domain
        try:
            (text,) = self.dns_txt(told.name, ignore_void=True)
            explanation = expand_explanation(text.decode("ascii"), self._macro)
        except (Malformed, ValueError, spf.TempError, spf.PermError):
            return ""
        return printable(explanation, _LONGEST_EXPLANATION)

    # What follows takes the place of methods of pyspf.

    def dns(self, name: str, qtype: str, cnames: None = None, ignore_void: bool = False) -> list[Any]:  # noqa: ARG002
        """Ask DNS, and count answers without data (RFC 7208 §4.6.4)."""
        values: tuple[Value, ...] = ()
        # A name that cannot be in DNS has no data (RFC 7208 §4.8, RFC 8616 §4), and nobody is asked for it.
        if name.isascii() and len(name) <= LONGEST_NAME and _LABELS.fullmatch(name):
            try:
                values = wait_for(self.asking.lookup(name, qtype))
            except NoSuchName:
                pass
            except LookupFailed as error:
                raise spf.TempError(f"{qtype} {name}: {error}") from error
            if not values and not ignore_void:
                self.void_lookups += 1
                if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                    raise spf.PermError("too many lookups without an answer", name)
        return list(values)

    def dns_txt(self, domainname: str, rr: str = "TXT", ignore_void: bool = False) -> list[bytes]:
        """Ask for texts, each joined from its strings."""
        return self.dns(domainname, rr, ignore_void=ignore_void)

    def dns_spf(self, domain: str) -> str | None:
        """Ask for the record of a domain (RFC 7208 §4.4, §4.5), and look for errors anywhere in it (§4.6)."""
        record = super().dns_spf(domain)
        try:
            return tidy(record) if record else None
        except Malformed as error:
            raise spf.PermError(error.problem, error.term) from error

    def validated_ptrs(self) -> list[str]:
        """Give the client's names that lead back to it; what DNS does not tell is left out (RFC 7208 §5.5)."""
        return [name for name in self._ptrs()[: spf.MAX_PTR] if self._leads_back(name)]

    def _ptrs(self) -> list[str]:
        try:
            names: list[str] = self.dns_ptr(self.i)
        except spf.TempError:
            return []
        return names

    def _leads_back(self, name: str) -> bool:
        # The client says what these names are: they must not make the sender's record fail.
        try:
            return self.cidrmatch(self.dns(name, self.A, ignore_void=True), _ADDRESS_BITS[self.A])
        except spf.TempError:
            return False

    def cidrmatch(self, ipaddrs: list[str], n: int) -> bool:
        """Tell whether the client is in one of these networks, whose prefixes have n bits."""
        shift = _ADDRESS_BITS[self.A] - n
        client = _number(self.c) >> shift
        return any(_number(address) >> shift == client for address in ipaddrs)

    def validate_mechanism(self, mech: str) -> tuple[str, str, str, int, str]:
        """Read a mechanism of a record that has been found right."""
        name, target, prefix4, prefix6, result = mechanism(mech)
        if name not in {"ip4", "ip6"}:
            target = self.expand_domain(target) if target else self.d
        return mech, name, target, prefix4 if self.v == "in-addr" else prefix6, result

    def expand_domain(self, arg: str) -> str:
        """Expand the macros in a domain-spec that has been found right."""
        return expand_name(arg, self._macro)

    def expand(self, s: str, stripdot: bool = True) -> str:  # noqa: ARG002 - as pyspf calls it
        """Leave as it is what is expanded elsewhere, or means nothing."""
        return s

    def get_explanation(self, spec: str) -> _Explanation:
        """Keep where the explanation is."""
        return _Explanation(spec, self.d)

    def _macro(self, letter: str) -> str:
        self.asking.depend_on_more()
        if letter == "p":
            self.getp()
        value: str = getattr(self, letter)
        return value


@lru_cache(maxsize=1024)
def _of_client(address: str) -> dict[str, Any]:
    """Give the attributes of a query that say something of the client; pyspf reads the address each time."""
    # A link-local address has a zone, which is nobody else's business.
    query = spf.query(address.partition("%")[0], "", "")
    return {name: getattr(query, name) for name in ("iplist", "ipaddr", "c", "A", "v", "i", "cidrmax")}


@lru_cache(maxsize=8192)
def _number(address: str) -> int:
    return int(ip_address(address))
