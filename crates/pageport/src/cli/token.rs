//! `pageport token …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a key pair for issuing tokens, in a file that only you can read
    #[command(long_about = "Make a key pair for issuing tokens, in a file that only you can read.\n\n\
        The file is PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it. What goes into the gateway's configuration \
        is printed; that half is no secret.")]
    Key(KeyFlags),
    /// Issue a short-lived token: a JWT, signed with Ed25519
    #[command(long_about = "Issue a short-lived token: a JWT, signed with Ed25519 (EdDSA).\n\n\
        An application's own server does the same with any JWT library, for each of its users: header {\"alg\": \"EdDSA\"}, claims \
        iss, sub, aud (the gateway's origin), exp, perhaps nbf, and \"pageport\": {may, kinds, names, listeners, rate, origins} for \
        less than the issuer may give. A gateway verifies it without asking anybody. The token goes to stdout and is as good as a \
        password until it ends.")]
    Mint(MintFlags),
}

#[derive(Debug, Args)]
pub(crate) struct KeyFlags {
    /// Where the private key goes; a file that exists is not touched
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// What the gateway's configuration calls the issuer
    #[arg(long, value_name = "NAME", default_value = "app")]
    pub(crate) issuer: String,
    /// Print one line of JSON: {"issuer","key","file"}
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MintFlags {
    /// The private key, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// What the gateway's configuration calls the issuer
    #[arg(long, value_name = "NAME", default_value = "app")]
    pub(crate) issuer: String,
    /// The gateway's origin, such as https://gw.example
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) audience: String,
    /// For whom: a session belongs to its subject, and counts are kept for each
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: String,
    /// How long it counts
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub(crate) lifetime: String,
    /// What its bearer may do: listen, connect [default: what the issuer may give, as for all that follow]
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    pub(crate) may: Option<Vec<String>>,
    /// What for: websocket, http, tcp
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) kinds: Option<Vec<String>>,
    /// Which chosen names, such as app-7 or app-*
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) names: Option<Vec<String>>,
    /// How many listeners at once
    #[arg(long, value_name = "COUNT")]
    pub(crate) listeners: Option<u64>,
    /// How many visitors in a second
    #[arg(long, value_name = "COUNT")]
    pub(crate) rate: Option<u64>,
    /// Pages of which origins only
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) origins: Option<Vec<String>>,
    /// Print one line of JSON: {"token","expires"}
    #[arg(long)]
    pub(crate) json: bool,
}
