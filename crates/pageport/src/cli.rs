//! The command line: what may be said, and what each thing means.

pub(crate) mod check;
pub(crate) mod native;

mod token;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use token::{KeyFlags, MintFlags, TokenCommand};

use crate::commands::lan::LanAddress;

/// Web pages as first-class network peers.
///
/// A web page that uses the JavaScript module gets a public address of its own: any ordinary client connects to it, and the
/// connection survives when the page's network does not.
#[derive(Debug, Parser)]
#[command(
    name = "pageport",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on stderr (-vv: everything). RUST_LOG, when set, decides instead.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object for each line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a gateway on this machine, with the demo gallery and without configuration
    #[command(
        long_about = "Run a gateway on this machine, with the demo gallery and without configuration.\n\n\
        It listens on loopback only, unless --lan says otherwise. Pages of http://localhost, http://127.0.0.1 and http://[::1], at any port, may attach; \
        programs need the token in the file that is named at the start. Ctrl-C stops it."
    )]
    Dev(DevFlags),
    /// Run a gateway as configured
    #[command(long_about = "Run a gateway as configured.\n\n\
        Without a configuration it listens on loopback and lets nobody attach. Environment variables override the file: \
        PAGEPORT_LISTEN, PAGEPORT_LIMITS__LEASE=60s. It reads the file again on SIGHUP and when the file, or the certificate that \
        it names, changes; what is wrong changes nothing. \
        SIGTERM and SIGINT let open streams finish for `limits.drain`; a second one ends at once.")]
    Gateway(GatewayFlags),
    /// Give a service of this machine a public address
    #[command(
        after_help = native::EXPOSE_EXAMPLES,
        long_about = "Give a service of this machine a public address at a gateway.\n\n\
            Whoever visits the address talks to the service; it needs no port that is open to others, and no change. An HTTP \
            service gets a name, http://NAME.GATEWAY/; with --tcp any service gets a public port."
    )]
    Expose(native::ExposeFlags),
    /// Talk to a server, a page or a listener through stdin and stdout, or give programs a SOCKS server for that
    #[command(after_help = native::CONNECT_EXAMPLES)]
    Connect(Box<native::ConnectFlags>),
    /// Find out what the network lets through to a gateway, and how well
    #[command(after_help = check::CHECK_EXAMPLES)]
    Check(check::CheckFlags),
    /// Print what makes a shell complete this program's commands
    #[command(
        after_help = "Example, for bash:\n  pageport completions bash > ~/.local/share/bash-completion/completions/pageport"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    #[command(after_help = "Examples:\n  pageport man | man -l -\n  pageport man expose > pageport-expose.1")]
    Man {
        /// Of which command; of the program, without this
        command: Option<String>,
    },
    /// Check or print a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make keys and short-lived tokens for pages and programs
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Args)]
pub(crate) struct DevFlags {
    /// Where to listen: a port of loopback, or an address with a port; port 0 takes a free one [default: 7070]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Where metrics and health are [default: the port after the first, or a free one]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<String>,
    /// Let other machines in, over TLS: at the address of this machine in its private network, or at the one that is given
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub(crate) lan: Option<LanAddress>,
    /// Speak TLS with a certificate made for this machine, which browsers have to be told to trust
    #[arg(long)]
    pub(crate) tls: bool,
    /// Let pages and programs be connected to this server: tcp://HOST:PORT, or the same with tls, udp, ws or wss; as often as needed
    #[arg(long, value_name = "TARGET")]
    pub(crate) allow: Vec<String>,
    /// Print one line of JSON when ready: {"event":"ready","url","admin","link"}, "lan" with --lan, "allow" with --allow
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GatewayFlags {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Serve the files of this directory at /, such as noVNC's, and let their pages use /websockify
    #[arg(long, value_name = "DIR")]
    pub(crate) web: Option<PathBuf>,
    /// Lead /websockify?token=NAME where the lines "NAME: HOST:PORT" of this file, or of the files in this directory, say
    #[arg(long, value_name = "FILE")]
    pub(crate) targets: Option<PathBuf>,
    /// Print one line of JSON when ready: {"event":"ready","url","admin","link"}
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a configuration can be used, and where it is wrong; and what its rules for connections mean
    Check(ConfigFile),
    /// Print the configuration that takes effect, with every limit and its reason
    Print(ConfigFile),
    /// Say which rule decides whether somebody may be connected to a target, and why
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainFlags),
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  pageport config explain --config pageport.toml --origin https://app.example --to tls://mail.example:993
  pageport config explain --config pageport.toml --token builder --to tcp://10.0.0.7:6667

A name is looked up where the gateway would look it up, when a rule names it; nothing is connected to.

Exit codes: 0 allowed, 1 forbidden, 2 wrong usage, 78 wrong configuration.";

#[derive(Debug, Args)]
pub(crate) struct ExplainFlags {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// The page's origin; none for a program
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,
    /// The name of the token, or of the issuer of it
    #[arg(long, value_name = "NAME")]
    pub(crate) token: Option<String>,
    /// A public key that the caller has proven as a listener, in base64url; as often as needed
    #[arg(long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Where: PROTOCOL://HOST:PORT, with tcp, tls, udp, ws or wss
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: String,
    /// By tcp, and TLS may begin later
    #[arg(long)]
    pub(crate) starttls: bool,
    /// Print one line of JSON: {"allowed","code","rule","reasons"}
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The file, in TOML; without one, defaults and the environment count
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
