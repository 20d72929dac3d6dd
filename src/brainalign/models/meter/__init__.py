"""METER, a Transformer that reads an image and a text together (Dou et al. 2022)."""

from brainalign.models.meter.configuration import TASKS, MeterConfig, meter_config
from brainalign.models.meter.image import interpolate_positions
from brainalign.models.meter.model import Meter, MeterOutput, load_meter
from brainalign.models.meter.preprocessing import meter_image_transform, tokenize_captions
from brainalign.models.meter.released import RELEASED, ReleasedMeter

__all__ = [
    "RELEASED",
    "TASKS",
    "Meter",
    "MeterConfig",
    "MeterOutput",
    "ReleasedMeter",
    "interpolate_positions",
    "load_meter",
    "meter_config",
    "meter_image_transform",
    "tokenize_captions",
]
