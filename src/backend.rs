//! The one place that turns a backend's name into a burn device.

use std::sync::OnceLock;

use burn::tensor::Device;

use crate::spec::BackendName;

/// A device of a backend, ready for tensors.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The backend it belongs to.
    pub name: BackendName,
    /// The device, without automatic differentiation.
    pub device: Device,
    /// What it runs on, as its driver names it.
    pub description: String,
}

impl Opened {
    /// Whether the device has memory of its own, so that data is best kept there.
    pub fn has_own_memory(&self) -> bool {
        match self.name {
            BackendName::Flex | BackendName::Ndarray => false,
            BackendName::Wgpu => true,
        }
    }
}

/// Whether the kernels of our own ([`crate::kernels`]) run on a device.
pub fn has_fused_kernels(device: &Device) -> bool {
    device.clone().without_autodiff() == Device::flex()
}

/// A backend that this machine cannot give.
#[derive(Debug, Clone, thiserror::Error)]
#[error("backend `{name}` is not available here: {reason}; {remedy} or choose `--backend flex`")]
pub struct Unavailable {
    name: BackendName,
    reason: String,
    remedy: &'static str,
}

/// Opens a backend's device. There is no fall-back to another backend or device.
///
/// # Errors
/// When the machine lacks what the backend needs.
pub fn open(name: BackendName) -> Result<Opened, Unavailable> {
    match name {
        BackendName::Flex => Ok(Opened { name, device: Device::flex(), description: cpu() }),
        BackendName::Ndarray => Ok(Opened { name, device: ndarray(), description: cpu() }),
        BackendName::Wgpu => {
            // burn allows one initialization per process.
            static WGPU: OnceLock<Result<Opened, Unavailable>> = OnceLock::new();
            WGPU.get_or_init(wgpu).clone()
        }
    }
}

fn cpu() -> String {
    format!("CPU ({})", std::env::consts::ARCH)
}

/// Deprecated upstream in favour of flex, kept because it was asked for and makes a good check.
#[expect(deprecated, reason = "see above")]
fn ndarray() -> Device {
    Device::ndarray()
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Opened, Unavailable> {
    Err(Unavailable {
        name: BackendName::Wgpu,
        reason: "this program was built without it".to_owned(),
        remedy: "build it without `--no-default-features`",
    })
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Opened, Unavailable> {
    let name = BackendName::Wgpu;
    // Drivers that are half installed make wgpu panic rather than answer.
    let answer = std::panic::catch_unwind(|| Device::wgpu_options().init_with_setup());
    let reason = match answer {
        Ok(Ok((device, setup))) => {
            let info = setup.adapter.get_info();
            let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
            let description = format!(
                "{} ({:?}, {:?}, {})",
                info.name,
                info.device_type,
                info.backend,
                driver.trim()
            );
            return Ok(Opened { name, device, description });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its driver failed while starting".to_owned(),
    };
    let remedy = "install a graphics driver (Debian's `mesa-vulkan-drivers` gives a software one)";
    Err(Unavailable { name, reason, remedy })
}
