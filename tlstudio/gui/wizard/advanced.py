"""Owns what is folded away on the settings page: every other number of the recipe."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import CalmWheel, small_label
from tlstudio.gui.wizard.page import device_words
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import AUGMENTATIONS, Device, DeviceInfo, Recipe

Field = QSpinBox | QDoubleSpinBox | QComboBox


class PlainSpin(QDoubleSpinBox):
    """Shows 0.001 as 0.001, not as 0.001000."""

    def textFromValue(self, value: float) -> str:
        return self.locale().toString(value, "g", 4)


class Advanced(QWidget):
    """Two columns of fields, bound to the state's recipe both ways."""

    def __init__(self, state: WizardState) -> None:
        super().__init__()
        self._state = state
        self._calm = CalmWheel(self)
        self._devices: tuple[DeviceInfo, ...] | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(theme.NORMAL)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        self._grid.setColumnMinimumWidth(2, 8)
        self._shows: list[Callable[[Recipe], None]] = []
        self.fields: dict[str, Field] = {}
        self._add_learning()
        self._add_regularisation()
        self._add_run()
        self.reset_button = QPushButton(self.tr("&Reset to defaults"))
        self.reset_button.clicked.connect(state.reset_recipe)
        rows = self._grid.rowCount()
        self._grid.addWidget(self.reset_button, rows, 3, Qt.AlignmentFlag.AlignRight)

    def refresh(self) -> None:
        for show in self._shows:
            show(self._state.recipe)
        self._show_devices()
        seed = self.fields["seed"]
        if isinstance(seed, QSpinBox):
            with QSignalBlocker(seed):
                seed.setValue(self._state.seed)

    # --- the fields -----------------------------------------------------------------------------

    def _add_learning(self) -> None:
        self._number("learning_rate", self.tr("Learnin&g rate"), 1e-6, 10, decimals=6)
        self._choice(
            "optimizer",
            self.tr("&Optimiser"),
            {"adamw": self.tr("AdamW"), "sgd": self.tr("SGD with momentum")},
        )
        self._whole("batch_size", self.tr("Batch si&ze"), 1, 4096, self.tr(" pictures"))
        names = {
            "none": self.tr("none"),
            "light": self.tr("light"),
            "strong": self.tr("strong"),
            "any-orientation": self.tr("any orientation (no up or down)"),
        }
        self._choice(
            "augmentation",
            self.tr("Variation of pict&ures"),
            names,
            read=lambda recipe: next(
                (name for name, value in AUGMENTATIONS.items() if value == recipe.augmentation), ""
            ),
            write=lambda name: AUGMENTATIONS[name].model_dump(),
        )

    def _add_regularisation(self) -> None:
        self._number("weight_decay", self.tr("&Weight decay"), 0, 1, decimals=5)
        self._number(
            "dropout",
            self.tr("&Dropout"),
            0,
            0.95,
            decimals=2,
            step=0.05,
            read=lambda recipe: recipe.head.dropout,
            write=lambda value: {"head": {**self._head(), "dropout": value}},
        )
        self._number("label_smoothing", self.tr("Label s&moothing"), 0, 0.5, decimals=2, step=0.05)
        self._choice(
            "class_weights",
            self.tr("&Class balance"),
            {"none": self.tr("as they are"), "balanced": self.tr("rare classes count more")},
        )
        self._whole(
            "hidden",
            self.tr("&Hidden layer"),
            0,
            8192,
            self.tr(" units"),
            special=self.tr("none"),
            read=lambda recipe: recipe.head.hidden or 0,
            write=lambda value: {"head": {**self._head(), "hidden": value if value > 1 else None}},
        )
        self._choice(
            "batchnorm_statistics",
            self.tr("BatchNorm stat&istics"),
            {"fixed": self.tr("stay as they are"), "update": self.tr("follow your pictures")},
        )

    def _add_run(self) -> None:
        self._whole(
            "patience",
            self.tr("Sto&ps after"),
            0,
            1000,
            self.tr(" epochs without gain"),
            special=self.tr("never by itself"),
            read=lambda recipe: recipe.patience or 0,
            write=lambda value: {"patience": value or None},
        )
        self._whole(
            "views",
            self.tr("&Kept views"),
            0,
            64,
            self.tr(" a picture"),
            special=self.tr("new ones every epoch"),
        )
        self._choice(
            "precision",
            self.tr("Numbe&r format"),
            {"fastest": self.tr("the fastest here"), "float32": self.tr("32 bits")},
        )
        seed = QSpinBox()
        seed.setRange(0, 2**31 - 1)
        seed.setKeyboardTracking(False)
        seed.valueChanged.connect(self._state.set_seed)
        self._place("seed", self.tr("&Seed"), seed)
        device = QComboBox()
        device.activated.connect(lambda row: self._set_device(device.itemData(row)))
        self._place("device", self.tr("De&vice"), device)

    def _number(
        self,
        name: str,
        text: str,
        least: float,
        most: float,
        decimals: int,
        step: float | None = None,
        read: Callable[[Recipe], float] | None = None,
        write: Callable[[float], dict[str, object]] | None = None,
    ) -> None:
        field = PlainSpin()
        field.setDecimals(decimals)
        field.setRange(least, most)
        field.setKeyboardTracking(False)
        if step is None:
            field.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        else:
            field.setSingleStep(step)
        read = read or (lambda recipe: float(getattr(recipe, name)))
        write = write or (lambda value: {name: value})

        def show(recipe: Recipe) -> None:
            with QSignalBlocker(field):
                field.setValue(read(recipe))

        # Rounded as it is shown: 0.15 is kept as 0.15, not as 0.15000000000000002.
        field.valueChanged.connect(
            lambda value: self._state.change_recipe(**write(round(value, decimals)))
        )
        self._shows.append(show)
        self._place(name, text, field)

    def _whole(
        self,
        name: str,
        text: str,
        least: int,
        most: int,
        unit: str,
        special: str = "",
        read: Callable[[Recipe], int] | None = None,
        write: Callable[[int], dict[str, object]] | None = None,
    ) -> None:
        field = QSpinBox()
        field.setRange(least, most)
        field.setSuffix(unit)
        field.setSpecialValueText(special)
        field.setKeyboardTracking(False)
        field.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        read = read or (lambda recipe: int(getattr(recipe, name)))
        write = write or (lambda value: {name: value})

        def show(recipe: Recipe) -> None:
            with QSignalBlocker(field):
                field.setValue(read(recipe))

        field.valueChanged.connect(lambda value: self._state.change_recipe(**write(value)))
        self._shows.append(show)
        self._place(name, text, field)

    def _choice(
        self,
        name: str,
        text: str,
        names: dict[str, str],
        read: Callable[[Recipe], str] | None = None,
        write: Callable[[str], object] | None = None,
    ) -> None:
        field = QComboBox()
        for value, shown in names.items():
            field.addItem(shown, value)
        read = read or (lambda recipe: str(getattr(recipe, name)))
        write = write or (lambda value: value)

        def show(recipe: Recipe) -> None:
            field.setCurrentIndex(field.findData(read(recipe)))

        field.activated.connect(
            lambda row: self._state.change_recipe(**{name: write(field.itemData(row))})
        )
        self._shows.append(show)
        self._place(name, text, field)

    def _place(self, name: str, text: str, field: Field) -> None:
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(self._calm)
        field.setMinimumWidth(150)
        field.setMinimumHeight(theme.field_height())
        label: QLabel = small_label(text)
        label.setTextFormat(Qt.TextFormat.AutoText)
        label.setBuddy(field)
        field.setAccessibleName(text.replace("&", ""))
        number = len(self.fields)
        self._grid.addWidget(label, number // 2, 2 * (number % 2))
        self._grid.addWidget(field, number // 2, 2 * (number % 2) + 1)
        self.fields[name] = field

    def _head(self) -> dict[str, object]:
        head: dict[str, object] = self._state.recipe.head.model_dump()
        return head

    # --- the device -----------------------------------------------------------------------------

    def _show_devices(self) -> None:
        field = self.fields["device"]
        if not isinstance(field, QComboBox):
            return
        doctor = self._state.doctor
        devices = doctor.devices if doctor else ()
        if devices == self._devices:
            field.setCurrentIndex(max(0, field.findData(self._state.device)))
            return
        self._devices = devices
        field.clear()
        best = f" ({device_words(devices[0])})" if devices else ""
        field.addItem(self.tr("the best one") + best, "auto")
        for device in devices:
            kind = device.id.split(":")[0]
            if field.findData(kind) < 0:
                field.addItem(device_words(device), kind)
        field.setCurrentIndex(max(0, field.findData(self._state.device)))

    def _set_device(self, device: Device) -> None:
        self._state.set_device(device)
