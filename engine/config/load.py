"""Reads config.yaml and the environment; all that is wrong is found at once, each with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.config.build import Builder
from engine.config.filling import FilledDocument, Secrets, fill_document
from engine.config.masking import masked
from engine.config.meaning import check_meaning, check_options
from engine.config.model import Config
from engine.documents import Document, read_documents
from engine.errors import Unusable
from engine.findings import Finding, Level
from engine.report import headline
from engine.shapes import check_shape, load_schema

DEFAULT_FILE = Path("config.yaml")


class ConfigInvalid(Unusable):
    """config.yaml cannot be used.

    Attributes:
        findings: at least one.
        sources: the file's text, possible secrets masked, for showing the findings.
    """

    def __init__(self, findings: Sequence[Finding], sources: Mapping[Path, str]) -> None:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(headline(findings[0]) + more)
        self.findings = tuple(findings)
        self.sources = sources


def load_config(file: Path | None, environ: Mapping[str, str], *, secrets: Secrets = True) -> Config:
    """Read the configuration.

    Args:
        file: None: `./config.yaml` if it is there, else the defaults alone.
        environ: variables by name; kept for reading rotated secret files again.
        secrets: False for verbs that connect to nothing, or the sections that the verb connects to (`kafka`,
            `schema_registry`, `api`): elsewhere unset variables of credentials, and certificates, are no findings.

    Raises:
        ConfigInvalid: the file has findings.
        Unusable: the file cannot be read.
    """
    if file is None:
        if not DEFAULT_FILE.exists():
            return Builder(Path(), {}, environ).config(None, {})
        file = DEFAULT_FILE
    text = _read(file)
    documents, findings = read_documents(file, text)
    if findings or len(documents) > 1:
        findings = findings or [_second(documents[1])]
        raise ConfigInvalid(findings, {file: masked(text, documents[0] if documents else None)})
    if not documents or documents[0].data is None:
        return Builder(file.parent, {}, environ).config(file, {})
    filled = fill_document(documents[0], environ, load_schema("config"), secrets=secrets)
    findings = _check(filled, file.parent, secrets=secrets)
    if findings:
        raise ConfigInvalid(findings, {file: masked(text, documents[0])})
    return Builder(file.parent, filled.from_files, environ).config(file, filled.document.data)


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror or error}; name another file with --config") from error
    except UnicodeDecodeError as error:
        raise Unusable(f"{file} is not UTF-8 text: byte {error.start} does not decode") from error


def _check(filled: FilledDocument, folder: Path, *, secrets: Secrets) -> list[Finding]:
    """Shape and variables at once; what the values mean is only looked at where their shape is sound."""
    document = filled.document
    unknown = {document.span(pointer) for pointer in filled.unknown}
    shape = [finding for finding in check_shape(document, load_schema("config")) if finding.span not in unknown]
    findings = [*filled.findings, *shape, *check_options(document)]
    if not shape and not filled.findings:
        meaning = check_meaning(document, folder, secrets=secrets)
        findings += [finding for finding in meaning if finding.span not in unknown]
    return sorted(findings, key=lambda finding: (finding.span.line, finding.span.column))


def _second(document: Document) -> Finding:
    span = document.span(())
    place = replace(span, end_line=span.line, end_column=span.column + 1)
    return Finding(
        document.path, place, Level.ERROR, "second-document", "a configuration is one document, without '---'"
    )
