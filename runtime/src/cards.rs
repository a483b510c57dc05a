//! Which NVIDIA cards does this machine have, and how much of their memory is free?  Asked of the driver's own library (NVML), which is loaded when it
//! is there; nothing is linked.

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

/// One card that this process may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// What a child's `CUDA_VISIBLE_DEVICES` is to say, so that this card is its only one.
    pub visible: String,
    /// Its name, such as `NVIDIA H200`.
    pub name: String,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of memory that nothing has taken.
    pub free: u64,
}

/// The cards of this machine, in the order in which CUDA counts them here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cards {
    /// Version of the driver.
    pub driver: String,
    /// The cards; those that `CUDA_VISIBLE_DEVICES` leaves.
    pub cards: Vec<Card>,
}

/// Asks the driver.
///
/// Errors: a reason for people why there is none, such as a machine without a driver.
pub fn cards() -> Result<Cards, String> {
    let nvml = Nvml::init().map_err(|e| reason(&e))?;
    let driver = nvml.sys_driver_version().map_err(|e| reason(&e))?;
    let count = nvml.device_count().map_err(|e| reason(&e))?;
    let mut all = Vec::new();
    for index in 0..count {
        let card = || {
            let device = nvml.device_by_index(index)?;
            let memory = device.memory_info()?;
            Ok(Known {
                uuid: device.uuid()?,
                card: Card {
                    visible: index.to_string(),
                    name: device.name()?,
                    memory: memory.total,
                    free: memory.free,
                },
            })
        };
        all.push(card().map_err(|e| reason(&e))?);
    }
    let left = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    Ok(Cards {
        driver,
        cards: visible(&all, left.as_deref()),
    })
}

struct Known {
    uuid: String,
    card: Card,
}

/// What `CUDA_VISIBLE_DEVICES` leaves, in its order: numbers or beginnings of identifiers; what follows a word that is neither is out of sight, as for
/// CUDA itself.
fn visible(all: &[Known], left: Option<&str>) -> Vec<Card> {
    let Some(left) = left else {
        return all.iter().map(|k| k.card.clone()).collect();
    };
    let words = left.split(',').map(str::trim);
    let found = words.map_while(|word| {
        let known = match word.parse::<usize>() {
            Ok(n) => all.get(n),
            Err(_) if word.is_empty() => None,
            Err(_) => all.iter().find(|k| k.uuid.starts_with(word)),
        }?;
        Some(Card {
            visible: word.to_owned(),
            ..known.card.clone()
        })
    });
    found.collect()
}

fn reason(error: &NvmlError) -> String {
    match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => {
            "this machine has no NVIDIA driver".into()
        }
        NvmlError::DriverNotLoaded => "the NVIDIA driver is not running".into(),
        other => format!("the NVIDIA driver says: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(n: usize) -> Known {
        Known {
            uuid: format!("GPU-{n}abc"),
            card: Card {
                visible: n.to_string(),
                name: format!("card {n}"),
                memory: 100,
                free: 50,
            },
        }
    }

    #[test]
    fn what_the_user_hides_is_not_counted() {
        let all: Vec<Known> = (0..4).map(known).collect();
        let names = |left: Option<&str>| -> Vec<String> {
            let cards = visible(&all, left);
            cards.iter().map(|c| c.name.clone()).collect()
        };
        assert_eq!(names(None), ["card 0", "card 1", "card 2", "card 3"]);
        assert_eq!(names(Some("2, 0")), ["card 2", "card 0"]);
        assert_eq!(names(Some("GPU-3")), ["card 3"]);
        assert_eq!(visible(&all, Some("GPU-3"))[0].visible, "GPU-3");
        assert_eq!(names(Some("1,-1,2")), ["card 1"]);
        assert_eq!(names(Some("9")), [""; 0]);
        assert_eq!(names(Some("")), [""; 0]);
    }

    #[test]
    fn a_machine_without_a_driver_has_a_reason() {
        if let Err(why) = cards() {
            assert!(why.contains("NVIDIA driver"), "{why}");
        }
    }
}
