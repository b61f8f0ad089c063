//! A public port: each connection becomes one to the service.

use std::io;

use pageport_link::Visitor;

use super::pipe::{self, Traffic};
use super::{Target, unreachable};

/// Serves one connection to its end.
pub(crate) async fn serve(visitor: Visitor, target: &Target, traffic: &Traffic) -> io::Result<()> {
    let mut service = match target.connect().await {
        Ok(service) => service,
        Err(error) => {
            visitor.refuse(unreachable());
            return Err(error);
        }
    };
    let piped = pipe::both(visitor.admit()?.into_split(), service.split(), traffic).await;
    if piped.is_err() {
        // What was cut short must not look complete to the service either.
        service.set_zero_linger()?;
    }
    piped
}
