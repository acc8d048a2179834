//! The one place that turns a backend's name into a burn device.

use std::sync::OnceLock;

use burn::tensor::Device;
#[cfg(feature = "wgpu")]
use burn::tensor::wgpu::wgpu::DeviceType;

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
    /// Whether it is a graphics driver that computes on the CPU.
    pub is_software_renderer: bool,
}

impl Opened {
    fn on_cpu(name: BackendName, device: Device) -> Self {
        let description = format!("CPU ({})", std::env::consts::ARCH);
        Self { name, device, description, is_software_renderer: false }
    }

    /// What to know before training on this device, if anything.
    pub fn warning(&self) -> Option<String> {
        self.is_software_renderer.then(|| {
            format!(
                "backend `{}` runs on a software renderer, which computes on the CPU: {}; expect it \
                 to be 10 to 100 times slower than `--backend flex`, and the first epoch to take \
                 some seconds more",
                self.name, self.description
            )
        })
    }

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
        BackendName::Flex => Ok(Opened::on_cpu(name, Device::flex())),
        BackendName::Ndarray => Ok(Opened::on_cpu(name, ndarray())),
        BackendName::Wgpu => {
            // burn allows one initialization per process.
            static WGPU: OnceLock<Result<Opened, Unavailable>> = OnceLock::new();
            WGPU.get_or_init(wgpu).clone()
        }
    }
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

/// Whether one of the names of an adapter and its driver is that of a software renderer. Drivers
/// report most of them as CPUs, but not all.
#[cfg(feature = "wgpu")]
fn is_software_renderer(names: &[&str]) -> bool {
    let known = ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "microsoft basic render"];
    names.iter().any(|name| {
        let name = name.to_lowercase();
        known.iter().any(|known| name.contains(known))
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
            let is_software_renderer = info.device_type == DeviceType::Cpu
                || is_software_renderer(&[&info.name, &info.driver, &info.driver_info]);
            return Ok(Opened { name, device, description, is_software_renderer });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its driver failed while starting".to_owned(),
    };
    let remedy = "install a graphics driver (Debian's `mesa-vulkan-drivers` gives a software one)";
    Err(Unavailable { name, reason, remedy })
}

/// Keeps graphics libraries from printing lines of their own to standard error.
///
/// Mesa's Vulkan layer for choosing a GPU asks the Wayland compositor which one it uses, once per
/// instance. Where `XDG_RUNTIME_DIR` does not name a folder there is no compositor to ask, and
/// libwayland prints `error: XDG_RUNTIME_DIR is invalid or not set in the environment.` each time.
/// The layer has a variable that turns it off, which is set here unless the user chooses a GPU by the
/// layer's own variable.
///
/// # Safety
/// No other thread may be running, because this changes the environment.
#[expect(unsafe_code, reason = "the environment can only be changed before other threads start")]
pub unsafe fn silence_graphics_libraries() {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").unwrap_or_default();
    let has_runtime_dir = std::path::Path::new(&runtime_dir).is_absolute();
    let chooses_gpu = std::env::var_os("MESA_VK_DEVICE_SELECT").is_some();
    if cfg!(all(feature = "wgpu", unix)) && !has_runtime_dir && !chooses_gpu {
        // SAFETY: the caller guarantees that no other thread reads or writes the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use super::*;

    #[test]
    fn software_renderers_are_known_by_their_names() {
        for name in [
            "llvmpipe (LLVM 15.0.6, 256 bits)",
            "SwiftShader Device (LLVM 10.0.0)",
            "Microsoft Basic Render Driver",
        ] {
            assert!(is_software_renderer(&[name, "", ""]), "{name}");
        }
        assert!(is_software_renderer(&["", "lavapipe", ""]));
        assert!(!is_software_renderer(&["NVIDIA H100", "NVIDIA", "550.54"]));
    }

    #[test]
    fn only_software_renderers_are_warned_of() {
        let flex = open(BackendName::Flex).unwrap();
        assert_eq!(flex.warning(), None);
        let soft = Opened { is_software_renderer: true, name: BackendName::Wgpu, ..flex };
        let warning = soft.warning().unwrap();
        assert!(warning.starts_with("backend `wgpu` runs on a software renderer"), "{warning}");
        assert!(warning.contains("times slower than `--backend flex`"), "{warning}");
    }
}
