//! What does the host say of the machine that a program is to run on?  Plain data: the compiler asks no system.

use std::fmt;
use std::str::FromStr;

/// What computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The first of the machine's.
    #[default]
    Auto,
    /// The processor, by the kernels that every build has.
    Cpu,
    /// A graphics card by the kernels of libtorch, by its number from 0.
    Cuda(u32),
    /// The processor, by the kernels of libtorch.
    Libtorch,
}

/// How a [`Device`] can be written.
const WORDS: &str = "`auto`, `cpu`, `libtorch` or `libtorch:cuda:0`";

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(n) => write!(f, "libtorch:cuda:{n}"),
            Device::Libtorch => f.write_str("libtorch"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("found `{text}`, wanted {WORDS}");
        match text {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            "libtorch" => Ok(Device::Libtorch),
            _ => {
                let card = text.strip_prefix("libtorch:").unwrap_or(text);
                if card == "cuda" {
                    return Ok(Device::Cuda(0));
                }
                let number = card.strip_prefix("cuda:").ok_or_else(wrong)?;
                number.parse().map(Device::Cuda).map_err(|_| wrong())
            }
        }
    }
}

/// A limit and who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How much.
    pub amount: u64,
    /// Whether a person gave it; otherwise it is the machine's own.
    pub given: bool,
}

/// The machine; what is `None` or empty is not checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// Bytes of memory that one node may take (A8001).
    pub memory: Option<Limit>,
    /// Cores (A8004).
    pub cores: Option<u64>,
    /// What is to compute (A8003).
    pub device: Device,
    /// What this build can compute on, the best first.
    pub devices: Vec<Device>,
}

impl Machine {
    /// The device that is meant: `auto` is the first one there is.
    pub fn chosen(&self) -> Device {
        match self.device {
            Device::Auto => self.devices.first().copied().unwrap_or(Device::Cpu),
            device => device,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_shown() {
        for text in [
            "auto",
            "cpu",
            "libtorch:cuda:0",
            "libtorch:cuda:3",
            "libtorch",
        ] {
            let device: Device = text.parse().unwrap();
            assert_eq!(device.to_string(), text);
        }
        for short in ["cuda", "cuda:0", "libtorch:cuda"] {
            assert_eq!(short.parse(), Ok(Device::Cuda(0)));
        }
        for wrong in [
            "gpu",
            "cuda:",
            "cuda:-1",
            "CPU",
            "",
            "libtorch:",
            "libtorch:cpu:1",
        ] {
            let error = wrong.parse::<Device>().unwrap_err();
            assert!(error.contains("wanted `auto`"), "{error}");
        }
    }

    #[test]
    fn auto_is_the_first_device_there_is() {
        let mut machine = Machine::default();
        assert_eq!(machine.chosen(), Device::Cpu);
        machine.devices = vec![Device::Cuda(0), Device::Cpu];
        assert_eq!(machine.chosen(), Device::Cuda(0));
        machine.device = Device::Cpu;
        assert_eq!(machine.chosen(), Device::Cpu);
    }
}
