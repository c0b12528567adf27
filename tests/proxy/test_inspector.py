"""The promises of the inspector's door (product.md §9), each tried over a real socket."""

from __future__ import annotations

import json
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import ServeSettings
from gwproxy.proxy.inspector import files, grant
from gwproxy.proxy.inspector.files import FILES, FOLDER, HEADERS
from support.gateway import TOKEN, StartGateway, TestGateway, chat
from support.inspector import SAME_ORIGIN, Page
from support.raw import RawAnswer
from support.scripted import ScriptedUpstream

LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

READ = (
    "/ui/api/exchanges",
    "/ui/api/exchanges/req_1",
    "/ui/api/exchanges/req_1/capture",
    "/ui/api/usage",
    "/ui/api/profiles",
    "/ui/api/nowhere",
)
DATA = (*READ, "/ui/api/events")
ORDERED = ("/ui/api/lessons/forget", "/ui/api/capture")
STATIC = tuple(FILES)


@pytest.fixture
def page(gateway: TestGateway) -> Page:
    return Page(gateway)


@pytest.fixture
async def inside(page: Page) -> Page:
    """A page that was let in."""
    await page.enter()
    return page


def refused(answer: RawAnswer) -> bool:
    """Whether it is a refusal with words and nothing else."""
    return answer.status in (401, 403) and [*answer.json] == ["error"]


# --- the code ------------------------------------------------------------------------------------


async def test_the_code_opens_the_page_once(page: Page) -> None:
    code = await page.code()
    first, second = await page.swap(code), await page.swap(code)
    assert (first.status, [*first.json]) == (200, ["secret"])
    assert second.status == 403 and "gwproxy ui" in second.json["error"]
    page.secret = first.json["secret"]
    assert (await page.get("/ui/api/profiles")).status == 200


async def test_a_code_older_than_a_minute_opens_nothing(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = page.gateway.server.gateway._inspector.grants
    before = grants._clock()
    monkeypatch.setattr(grants, "_clock", lambda: before)
    early, late = await page.code(), await page.code()
    monkeypatch.setattr(grants, "_clock", lambda: before + 59.9)
    assert (await page.swap(early)).status == 200
    monkeypatch.setattr(grants, "_clock", lambda: before + 60)
    assert (await page.swap(late)).status == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"code"', b"{}", b'{"code": null}', b'{"code": ["x"]}', b'{"code": true}'],
)
async def test_what_is_no_code_is_refused_in_words(page: Page, body: bytes) -> None:
    answer = await page.ask("POST", "/ui/api/enter", {}, body)
    assert (answer.status, [*answer.json]) == (400, ["error"])


async def test_wrong_codes_are_bounded(page: Page) -> None:
    found = {(await page.swap(f"guess {number}")).status for number in range(grant.MOST_WRONG)}
    assert found == {403}
    assert (await page.swap(await page.code())).status == 429


async def test_a_large_body_is_not_read(page: Page) -> None:
    answer = await page.ask("POST", "/ui/api/enter", {"Content-Length": str(10**9)}, b"{")
    assert (answer.status, [*answer.json]) == (413, ["error"])


async def test_a_second_page_is_let_in_beside_the_first(inside: Page) -> None:
    second = Page(inside.gateway)
    await second.enter()
    assert second.secret != inside.secret
    for page in (inside, second):
        assert (await page.get("/ui/api/profiles")).status == 200


async def test_a_new_local_token_lets_every_page_out(
    inside: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await inside.get("/ui/api/profiles")).status == 200
    token = inside.gateway.server.gateway._token
    monkeypatch.setattr(token, "_value", Secret("its-successor-01234567"))
    assert refused(await inside.get("/ui/api/profiles"))


# --- the secret ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-gwproxy-page": "wrong"},
        {"x-gwproxy-page": TOKEN},
        {"Authorization": f"Bearer {TOKEN}", "x-api-key": TOKEN},
        {"Authorization": "Bearer SECRET"},
        {"x-api-key": "SECRET"},
        {"Cookie": "x-gwproxy-page=SECRET; secret=SECRET"},
    ],
)
async def test_data_is_for_the_secret_in_its_header_alone(
    inside: Page, path: str, headers: dict[str, str]
) -> None:
    said = {name: value.replace("SECRET", inside.secret) for name, value in headers.items()}
    assert refused(await inside.ask("GET", path, {**SAME_ORIGIN, **said}))
    for query in (f"secret={inside.secret}", f"x-gwproxy-page={inside.secret}"):
        assert refused(await inside.ask("GET", f"{path}?{query}", SAME_ORIGIN))


@pytest.mark.parametrize("path", ORDERED)
async def test_the_local_token_changes_nothing_of_the_inspector(inside: Page, path: str) -> None:
    head = {"Authorization": f"Bearer {TOKEN}", "x-api-key": TOKEN, "x-gwproxy-page": TOKEN}
    body = json.dumps({"on": True, "profile": "up", "id": "x"}).encode()
    assert refused(await inside.ask("POST", path, head, body))


@pytest.mark.parametrize("path", ["/v1/status", "/v1/models", "/v1/ui", "/v1/stop", "/nowhere"])
async def test_the_secret_of_a_page_opens_no_other_route(inside: Page, path: str) -> None:
    for name, value in (
        ("x-gwproxy-page", inside.secret),
        ("x-api-key", inside.secret),
        ("Authorization", f"Bearer {inside.secret}"),
    ):
        for method in ("GET", "POST"):
            assert (await inside.ask(method, path, {name: value})).status == 401


async def test_no_answer_sets_a_cookie_or_lets_another_origin_read(inside: Page) -> None:
    for path in (*STATIC, *READ, "/ui", "/ui/nowhere"):
        await inside.get(path)
        await inside.get(path, {"Origin": "https://evil.example"})
        await inside.ask("OPTIONS", path, {"Access-Control-Request-Method": "GET"})
    assert len(inside.seen) > 20
    for answer in inside.seen:
        odd = [name for name in answer.headers if name.startswith(("set-", "access-control-"))]
        assert not odd


# --- from where ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*DATA, "/ui/app.js", "/ui/"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:{other}",
        "http://127.0.0.1",
        "http://localhost:{port}",
        "https://127.0.0.1:{port}",
        "HTTP://127.0.0.1:{port}",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}, http://127.0.0.1:{port}",
        "http://evil.example:{port}",
        "null",
    ],
)
async def test_a_page_of_another_origin_gets_nothing_even_with_the_secret(
    inside: Page, path: str, origin: str
) -> None:
    port = inside.gateway.server.port
    head = {"Origin": origin.format(port=port, other=port + 1), "Sec-Fetch-Site": ""}
    assert refused(await inside.get(path, head))
    assert refused(await inside.ask("POST", "/ui/api/enter", {**head}, b'{"code": "x"}'))


async def test_its_own_origin_reads(inside: Page) -> None:
    head = {"Origin": inside.origin}
    assert (await inside.get("/ui/api/profiles", head)).status == 200
    assert (await inside.get("/ui/", head)).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "other"])
@pytest.mark.parametrize("path", [*DATA, "/ui/icon.svg"])
async def test_a_request_of_another_site_without_an_origin_is_refused(
    inside: Page, path: str, site: str
) -> None:
    """A GET of `<img>` or `<script>` bears no Origin; another port of this host is same-site."""
    assert refused(await inside.get(path, {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}))
    # And data is not opened as a document, whatever leads there.
    assert refused(await inside.get(path, {"Sec-Fetch-Site": site, **LINK}))


async def test_a_link_from_a_file_opens_the_page_and_a_frame_does_not(page: Page) -> None:
    """A browser calls the file of `gwproxy ui` another site, and so it does any other page."""
    head = {"Sec-Fetch-Site": "cross-site", **LINK}
    assert (await page.ask("GET", "/ui/", head)).status == 200
    assert (await page.ask("GET", "/ui/", {**head, "Sec-Fetch-Dest": "iframe"})).status == 403
    assert (await page.ask("GET", "/ui/", {**head, "Sec-Fetch-Mode": "no-cors"})).status == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "gateway.lan:{port}",
        "127.0.0.1:1",
        "127.0.0.1",
        "0.0.0.0:{port}",
        "user@127.0.0.1:{port}",
    ],
)
@pytest.mark.parametrize("path", ["/ui/", "/ui/api/profiles", "/ui/nowhere"])
async def test_a_rebound_name_is_refused_also_with_its_own_origin(
    start_gateway: StartGateway, upstream: ScriptedUpstream, host: str, path: str
) -> None:
    # A declared name is one of the gateway's for tools, not for the page.
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}},
        serve=ServeSettings(allowed_hosts=("gateway.lan",)),
    )
    page = await Page.let_in(gateway)
    name = host.format(port=gateway.server.port)
    assert refused(await page.get(path, {"Host": name}))
    assert refused(await page.get(path, {"Host": name, "Origin": f"http://{name}"}))


async def test_localhost_is_an_address_of_the_page_as_well(inside: Page) -> None:
    name = f"localhost:{inside.gateway.server.port}"
    head = {"Host": name, "Origin": f"http://{name}"}
    assert (await inside.get("/ui/api/profiles", head)).status == 200
    assert refused(await inside.get("/ui/api/profiles", {**head, "Origin": inside.origin}))


async def test_every_way_of_asking_is_answered_by_one_rule(inside: Page) -> None:
    """All that a browser can say of where a request comes from, for the document, a script of it
    and data: one Host of ours, no Origin or that of this Host, and no other site; but that a link
    from anywhere leads to the document. Data wants the secret besides."""
    port = inside.gateway.server.port
    here, there = f"127.0.0.1:{port}", f"localhost:{port}"
    for path, host, origin, site, dest, secret in product(
        ("/ui/", "/ui/app.js", "/ui/api/profiles"),
        (here, there, f"127.0.0.1:{port + 1}", f"evil.example:{port}"),
        ("", f"http://{here}", f"http://{there}", f"http://127.0.0.1:{port + 1}", "null"),
        ("", "none", "same-origin", "same-site", "cross-site"),
        ("document", "empty"),
        (inside.secret, "wrong"),
    ):
        mode = "navigate" if dest == "document" else "cors"
        head = {"Host": host, "Origin": origin, "Sec-Fetch-Site": site, "x-gwproxy-page": secret}
        head |= {"Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        answer = await inside.ask("GET", path, head)
        from_here = host in (here, there) and origin in ("", f"http://{host}")
        is_link = path == "/ui/" and dest == "document"
        own = from_here and (site in ("", "none", "same-origin") or is_link)
        known = secret == inside.secret or "/api/" not in path
        assert answer.status == (200 if own and known else 401 if own else 403), head


# --- to others -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_server_that_others_can_reach_has_no_page_at_all(
    start_gateway: StartGateway, upstream: ScriptedUpstream, host: str
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}},
        options={"host": host, "allow_remote": True},
    )
    page = Page(gateway)
    for path in (*STATIC, *DATA, "/ui", "/ui/api/enter", "/ui/nowhere"):
        for method in ("GET", "POST"):
            answer = await page.ask(method, path, {"x-gwproxy-page": "x"}, b"{}")
            assert (answer.status, [*answer.json]) == (404, ["error"])
            assert HEADERS.items() <= answer.headers.items()
    async with gateway.session.post(
        f"http://{page.host}/v1/ui", headers={"x-api-key": TOKEN}
    ) as response:
        assert response.status == 404
        assert "--allow-remote" in (await response.json())["error"]["message"]


# --- what it serves ------------------------------------------------------------------------------


def test_every_file_of_the_folder_is_in_the_table_and_the_other_way_round() -> None:
    there = {one.relative_to(FOLDER).as_posix() for one in FOLDER.rglob("*") if one.is_file()}
    assert there == {name for name, _ in FILES.values()}


def test_the_files_are_in_the_wheel() -> None:
    """They stand inside the package, and nothing leaves them out."""
    root = Path(__file__).parents[2]
    assert FOLDER.is_relative_to(root / "src" / "gwproxy")
    build = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"] == {"packages": ["src/gwproxy"]}


@pytest.mark.parametrize("path", STATIC)
async def test_the_page_has_no_data_and_needs_no_secret(page: Page, path: str) -> None:
    name, content_type = FILES[path]
    answer = await page.ask("GET", path, SAME_ORIGIN)
    assert (answer.status, answer.body) == (200, (FOLDER / name).read_bytes())
    assert answer.headers["content-type"] == content_type
    head = await page.ask("HEAD", path, SAME_ORIGIN)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.body))
    assert (await page.ask("POST", path, SAME_ORIGIN)).status == 405


async def test_without_its_slash_it_is_sent_to_its_address(page: Page) -> None:
    answer = await page.ask("GET", "/ui", {})
    assert (answer.status, answer.headers["location"]) == (308, "/ui/")


@pytest.mark.parametrize(
    "path",
    [
        "/ui/index.html",
        "/ui/../v1/status",
        "/ui/..%2fgrant.py",
        "/ui/%2e%2e/grant.py",
        "/ui/page/index.html",
        "/ui/app%2ejs",
        "/ui//app.js",
        "/ui/api",
        "/ui/.",
    ],
)
async def test_no_path_leads_to_another_file(page: Page, path: str) -> None:
    answer = await page.ask("GET", path, SAME_ORIGIN)
    assert (answer.status, [*answer.json]) == (404, ["error"])


@pytest.mark.parametrize("path", ["/v1/ui/", "//ui/", "/profiles/up/ui/app.css", "/UI/"])
async def test_the_page_is_at_one_address(page: Page, path: str) -> None:
    assert (await page.ask("GET", path, SAME_ORIGIN)).status == 401


async def test_every_answer_has_the_headers_that_bind_a_browser(inside: Page) -> None:
    for path in (*STATIC, *READ, *ORDERED, "/ui", "/ui/nowhere", "/ui/api/enter"):
        await inside.get(path)
        await inside.post(path, {"on": "perhaps"})
        await inside.get(path, {"x-gwproxy-page": "wrong"})
        await inside.get(path, {"Origin": "null"})
        await inside.get(path, {"Host": "evil.example"})
        await inside.ask("PUT", path, {})
    await inside.swap("wrong")
    await inside.enter()
    assert {200, 308, 400, 401, 403, 404, 405} <= {answer.status for answer in inside.seen}
    for answer in inside.seen:
        assert HEADERS.items() <= answer.headers.items(), answer
        assert answer.status != 405 or answer.headers["allow"]


def test_what_those_headers_say() -> None:
    assert HEADERS == {
        "server": "gwproxy",
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }


async def test_a_mistake_of_ours_is_an_answer_with_the_same_headers(
    inside: Page, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "FOLDER", Path("/nowhere"))
    answer = await inside.get("/ui/")
    assert (answer.status, [*answer.json]) == (500, ["error"])
    assert HEADERS.items() <= answer.headers.items()
    assert "FileNotFoundError" in caplog.text and "nowhere" not in answer.body.decode()


# --- what it leaves behind -----------------------------------------------------------------------


async def test_the_page_is_in_no_log_and_no_ledger(
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "gwproxy")
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}},
        options={"ledger": tmp_path / "usage.db"},
    )
    page = Page(gateway)
    code = await page.code()
    said = len(caplog.messages)
    await page.swap(code)
    for path in (*STATIC, *READ, "/ui/nowhere"):
        await page.get(path)
    assert caplog.messages[said:] == []
    async with gateway.post("/v1/chat/completions", chat()) as response:
        assert response.status == 200
    assert len(caplog.messages) == said + 1
    async with gateway.get("/v1/status") as response:
        told: dict[str, Any] = await response.json()
    assert (told["answered"], told["failed"]) == (1, 0)


async def test_no_code_and_no_secret_is_in_a_log_at_any_level(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    code = await page.code()
    page.secret = (await page.swap(code)).json["secret"]
    await page.swap(code)
    await page.get("/ui/api/profiles")
    await page.get(f"/ui/api/nowhere?secret={page.secret}")
    await page.get("/ui/api/profiles", {"Origin": "null"})
    assert caplog.records
    assert code not in caplog.text and page.secret not in caplog.text
