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
            "The download of a model's files from the hub's storage (Xet, CAS) failed: the network, a proxy "
            "or the server broke it off, or a part that was kept does not fit any more."
        ),
        remedies=(
            (
                "Try again; HF_HUB_DISABLE_XET=1 downloads in the older way; delete the unfinished files in "
                "the cache."
            ),
        ),
        rank=_GENERAL,
        certain=False,
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
            "A secure connection (SSL) to a server could not be made: mostly a proxy or firewall breaks it "
            "off, or HTTPS_PROXY is set to an address that does not speak it; else the network is unstable."
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
            "The files of a model or data set are not in the cache of this machine, and the server that has "
            "them could not be reached: no network (as on a compute node), a proxy, or offline mode is set."
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
            "The proxy that is set (HTTPS_PROXY, ALL_PROXY) does not let the connection through: it refuses "
            "the address, wants a password, is not there, or is of a kind (SOCKS) that needs another "
            "package (pysocks, httpx[socks])."
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
            "A file that is read is damaged or incomplete: its download was cut off, it is a placeholder of "
            "Git LFS or an error page in place of the file, or it was not written whole."
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
            "A folder or repository of a model does not have a file that is read from it: the path or name "
            "is wrong, the folder holds only an adapter or was not fetched whole, or the files have another "
            "format. No package is missing."
        ),
        rank=_GENERAL,
        certain=False,
    ),
    sign_of(
        m.DATA_CHANGED,
        r"NonMatching(?:Splits|Checksum)\w*Error[^\n]*",
        r"Checksums didn't match for dataset source files[^\n]*",
        r"(?:ExpectedMore|Unexpected)(?:Splits|DownloadedFiles?)\w*[^\n]*",
        cause=(
            "A data set is not what its description says (checksum or sizes differ): it changed at its "
            "source, or its download or cache is damaged or incomplete."
        ),
        remedies=(
            (
                "Fetch it again: load_dataset(..., download_mode='force_redownload'), after its cache was "
                "deleted."
            ),
        ),
        certain=False,
    ),
    sign_of(
        m.DATA_SCRIPT,
        r"Dataset scripts are no longer supported[^\n]*",
        r"`?trust_remote_code`? is not supported anymore[^\n]*",
        remedies=(
            (
                "Use a copy of the data set without a script (its Parquet branch: "
                "revision='refs/convert/parquet'), or an older version of datasets."
            ),
        ),
        rank=SymptomRank.CAUSE,
    ),
    sign_of(
        m.RATE_LIMIT,
        r"Too many users have viewed or downloaded this file[^\n]*",
        r"Cannot retrieve the public link of the file[^\n]*",
        r"over its data quota[^\n]*",
        cause=(
            "The server does not give the file now: too many downloads reached its limit, or the file is "
            "not public. The packages are not at fault."
        ),
        remedies=("Fetch the file in a browser or from another place, or try again later.",),
        overrides=True,
    ),
    sign_of(
        m.HUB_ACCESS,
        r"awaiting a review from the repo authors",
        r"enable access to public gated repositories",
        r"Invalid credentials in Authorization header",
        r"Cannot access content at: https?://[^\n]*",
        cause=(
            "The server of models refused access: the request for a gated model is not granted yet, or the "
            "token lacks the permission (fine-grained tokens must allow gated repositories)."
        ),
        remedies=(
            "Look at the model's page and at the permissions of the token; log in again (hf auth login).",
        ),
        certain=False,
    ),
    sign_of(
        m.MODEL_FILES,
        r"(?:RevisionNotFoundError|EntryNotFoundError)[^\n]*",
        r"Revision Not Found for url[^\n]*",
        cause="The repository of the model has no file or revision of the name that is asked for.",
        rank=_GENERAL,
    ),
    sign_of(
        m.INDEX_UNREACHABLE,
        r"curl: \((?:5|6|7|18|28|52|55|56|92)\)[^\n]*",
        r"wget: unable to resolve host address[^\n]*",
        r"(?:RPC failed|early EOF|unexpected disconnect while reading sideband|index-pack failed)[^\n]*",
        rank=_GENERAL,
    ),
    sign_of(
        m.INDEX_TLS,
        r"curl: \((?:35|58|60|77)\)[^\n]*",
        r"Unable to establish SSL connection[^\n]*",
        rank=_GENERAL,
    ),
    sign_of(
        m.INDEX_NOT_FOUND,
        r"ERROR 404: Not Found",
        r"The requested URL returned error: 404[^\n]*",
        rank=_GENERAL,
    ),
    sign_of(
        m.GIT_FAILED,
        r"Could not read from remote repository[^\n]*",
        r"detected dubious ownership in repository[^\n]*",
        r"smudge filter lfs failed[^\n]*",
        cause=(
            "git refuses or cannot fetch a repository: the address or the rights (key, token) are wrong, "
            "its folder belongs to another user (dubious ownership), or git-lfs could not fetch a large "
            "file."
        ),
        remedies=(
            "Look at the address and the key; for the owner: git config --global --add safe.directory DIR.",
        ),
        overrides=True,
    ),
    sign_of(
        m.INDEX_UNREACHABLE,
        (
            r"(?:ConnectError|RemoteProtocolError|ServerDisconnectedError|ClientPayloadError|"
            r"ClientConnector\w*Error)[^\n]*"
        ),
        r"peer closed connection without sending complete message body[^\n]*",
        r"existing connection was forcibly closed by the remote host[^\n]*",
        r"Remote end closed connection without response",
        r"error decoding response body[^\n]*",
        r"(?:Max retries exceeded with url|Request failed after \d+ retries)[^\n]*",
        r"An error occurred while downloading using `hf_transfer`[^\n]*",
        rank=_GENERAL,
        unless=("CERTIFICATE", "certificate", "SSL"),
    ),
    sign_of(
        m.INDEX_NOT_FOUND,
        r"HTTP error 404[^\n]*",
        rank=_GENERAL,
    ),
    sign_of(
        m.INDEX_TLS,
        r"x509: [^\n]*",
        cause=(
            "The certificate of a server (a registry of images) was not accepted: it is signed by an "
            "authority that is not known here (as that of a proxy), it has expired, or the clock of this "
            "machine is wrong."
        ),
        remedies=(
            "Give the engine the certificate (/etc/docker/certs.d), and look at the clock (timedatectl).",
        ),
        overrides=True,
    ),
    sign_of(
        m.MODULE_MISSING,
        r"Couldn't instantiate the backend tokenizer from one of[^\n]*",
        r"Converting from (?:SentencePiece and )?Tiktoken failed[^\n]*",
        cause=(
            "The tokenizer could not be made from its files: mostly sentencepiece or tiktoken, which "
            "convert it, is not installed, else the tokenizer's files are missing or incomplete."
        ),
        remedies=("pip install sentencepiece tiktoken protobuf, and start Python again.",),
        certain=False,
        rank=_GENERAL,
    ),
    sign_of(
        m.FILE_DAMAGED,
        r"416 Client Error[^\n]*",
        r"(?:HTTP(?: Error)? 416|Requested Range Not Satisfiable)[^\n]*",
        cause=(
            "A download that was cut off cannot go on: the part of the file that is kept does not fit the "
            "file of the server."
        ),
        remedies=("Delete the incomplete file (*.incomplete in the cache) and load it again.",),
        certain=False,
    ),
    sign_of(
        m.MODULE_MISSING,
        r"is enabled \(HF_HUB_ENABLE_HF_TRANSFER=1\) but 'hf_transfer' package is not available",
        cause=(
            "HF_HUB_ENABLE_HF_TRANSFER is set, and the package hf_transfer, which it needs, is not installed."
        ),
        remedies=("pip install hf_transfer, or unset HF_HUB_ENABLE_HF_TRANSFER.",),
    ),
    sign_of(
        m.FILE_DAMAGED,
        r"UnpicklingError: (?:pickle data was truncated|unpickling stack underflow|invalid load key)[^\n]*",
        r"BadZipFile: [^\n]*",
        r"(?:zlib\.error|LZMAError|BadGzipFile|CRC check failed)[^\n]*",
        (
            r"Unable to (?:synchronously )?open (?:file|object) \((?:truncated file|file signature not "
            r"found|bad object)[^\n]*"
        ),
        r"(?:INVALID_PROTOBUF|Protobuf parsing failed|Error parsing message with type)[^\n]*",
        r"cannot identify image file[^\n]*",
        r"unexpected end of (?:file|data|archive)[^\n]*",
        cause=(
            "A file that is read is damaged or incomplete, or is not what its name says: its download or "
            "writing was cut off, or it is a placeholder of Git LFS or an error page in its place."
        ),
        remedies=("Delete the file and fetch it again, whole (git lfs pull for a repository).",),
        certain=False,
    ),
    sign_of(
        m.MODEL_FILES,
        r"Unrecognized model in [^\n]*",
        cause=(
            "The config.json of the model does not say what kind of model it is (model_type): the folder "
            "holds something else, only an adapter, or a format for another program; or transformers is "
            "older than the model."
        ),
        rank=_GENERAL,
        certain=False,
    ),
)
