"""What goes wrong while models, data and packages are fetched, and with files that were fetched before."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_GENERAL = SymptomRank.GENERAL

SIGNS: tuple[Sign, ...] = (
    sign_of(
        m.HUB_UNREACHABLE,
        r"(?:Data processing error: )?CAS service error[^\n]*",
        r"(?:File reconstruction|xet|Xet)[^\n]{0,40}[Ee]rror[^\n]*",
        cause=(
            "The download of a model's files from the hub's storage (Xet, CAS) failed: the network, a "
            "proxy or the server "
            "broke it off, or a part that was kept does not fit any more."
        ),
        remedies=(
            (
                "Try again; HF_HUB_DISABLE_XET=1 downloads in the older way; delete the unfinished files "
                "in the cache."
            ),
        ),
        rank=_GENERAL,
    ),
    sign_of(
        m.INDEX_TLS,
        r"SSLEOFError[^\n]*",
        r"EOF occurred in violation of protocol[^\n]*",
        r"WRONG_VERSION_NUMBER[^\n]*",
        r"(?:SSLZeroReturnError|SSLV3_ALERT_HANDSHAKE_FAILURE|TLSV1_ALERT|DH_KEY_TOO_SMALL)[^\n]*",
        r"SSLError\((?!SSLCertVerificationError)[^\n]*",
        r"check_hostname requires server_hostname",
        cause=(
            "A secure connection (SSL) to a server could not be made: mostly a proxy or firewall breaks "
            "it off, or HTTPS_PROXY "
            "is set to an address that does not speak it; else the network is unstable."
        ),
        remedies=(
            (
                "Look at HTTPS_PROXY and HTTP_PROXY (http:// in front of both), try without the proxy or "
                "VPN, and try again."
            ),
        ),
        rank=_GENERAL,
        overrides=True,
        unless=("CERTIFICATE_VERIFY_FAILED", "certificate verify failed"),
    ),
    sign_of(
        m.HUB_UNREACHABLE,
        r"LocalEntryNotFoundError[^\n]*",
        (
            r"cannot find the (?:requested|appropriate|cached) (?:files|snapshot "
            r"folder)[^\n]{0,80}(?:cache|disk|revision)[^\n]*"
        ),
        r"couldn't find (?:it|them) in the cached files[^\n]*",
        r"(?:OfflineModeIsEnabled|outgoing traffic has been disabled)[^\n]*",
        r"Couldn't reach (?:the Hugging Face Hub|'?[\w./-]+'? on the Hub)[^\n]*",
        r"Couldn't find cache for \S+[^\n]*",
        cause=(
            "The files of a model or data set are not in the cache of this machine, and the server that "
            "has them could not be reached: "
            "no network (as on a compute node), a proxy, or offline mode is set."
        ),
        rank=_GENERAL,
    ),
    sign_of(
        m.RATE_LIMIT,
        r"429 (?:Client Error|Too Many Requests)[^\n]*",
        r"\(?429 Too Many Requests\)?",
        r"(?:status(?: code)?|HTTP(?: error)?|error code)[ :=]*429\b[^\n]*",
        r"(?:rate limit|quota)[^\n]{0,20}(?:exceeded|reached)[^\n]*",
        cause=(
            "A server limits how many requests it answers, and there were too many requests from this "
            "address or user (429)."
        ),
        remedies=(
            "Wait, log in with a token (hf auth login), fetch with fewer workers, and keep the cache.",
        ),
        unless=(r"[Dd]isk quota", r"\bexceeded your current quota"),
        overrides=True,
    ),
    sign_of(
        m.PROXY,
        r"Tunnel connection failed: [^\n]*",
        r"Cannot connect to proxy[^\n]*",
        r"ProxyError\b[^\n]*",
        r"Unable to determine SOCKS version[^\n]*",
        r"Missing dependencies for SOCKS support[^\n]*",
        r"407 Proxy Authentication Required[^\n]*",
        r"(?:Unknown scheme for proxy URL|Proxy URL had no scheme)[^\n]*",
        cause=(
            "The proxy that is set (HTTPS_PROXY, ALL_PROXY) does not let the connection through: it "
            "refuses the address, wants a "
            "password, is not there, or is of a kind (SOCKS) that needs another package (pysocks, "
            "httpx[socks])."
        ),
        rank=_GENERAL,
        overrides=True,
    ),
    sign_of(
        m.FILE_DAMAGED,
        r"SafetensorError: Error while deserializing header[^\n]*",
        r"incomplete metadata, file not fully covered",
        r"InvalidHeader\w*",
        r"(?:Consistency check failed|consistency check)[^\n]{0,60}(?:file should be of size|size)[^\n]*",
        r"invalid hash value \(expected \"[^\n]*",
        r"(?:not a gzip|Not a gzipped) file[^\n]*",
        r"ReadError: (?:file could not be opened|unexpected end of data|not a \w+ file)[^\n]*",
        r"Compressed file ended before the end-of-stream marker[^\n]*",
        r"version https://git-lfs\.github\.com/spec[^\n]*",
        (
            r"(?:Checksum|checksum|MD5|SHA-?256|[Hh]ash)[^\n]{0,30}(?:mismatch|does not match|didn't "
            r"match|not match)[^\n]*(?:download|file|model|dataset)[^\n]*"
        ),
        r"(?:tokenizer|model|weights?|checkpoint) file[^\n]{0,40}(?:corrupt|incomplete|truncated)[^\n]*",
        cause=(
            "A file that is read is damaged or incomplete: its download was cut off, it is a placeholder "
            "of Git LFS or an error "
            "page in place of the file, or it was not written whole."
        ),
        remedies=(
            "Delete the file from its cache or folder and fetch it again, whole (git lfs pull, hf download).",
        ),
        certain=False,
        unless=(r"\.whl\b", "THESE PACKAGES"),
    ),
    sign_of(
        m.MODEL_FILES,
        r"does not appear to have (?:a file|files) named [^\n]*",
        r"Error no file named [^\n]*",
        r"Can't find '?[\w./-]+(?:\.json|\.bin|\.safetensors)'? (?:at|in) [^\n]*",
        r"Can't load (?:tokenizer|the model|the configuration|feature extractor|image processor) [^\n]*",
        r"Entry Not Found for url: [^\n]*",
        r"(?:Incorrect path_or_model_id|Repo id must (?:be in the form|use alphanumeric))[^\n]*",
        cause=(
            "A folder or repository of a model does not have a file that is read from it: the path or "
            "name is wrong, the folder holds only "
            "an adapter or was not fetched whole, or the files have another format. No package is missing."
        ),
        rank=_GENERAL,
    ),
)
