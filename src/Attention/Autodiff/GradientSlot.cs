using Attention.Backends;

namespace Attention.Autodiff;

/// <summary>
/// Where the gradient of a variable gathers. The first contribution overwrites, later ones add, and memory is only taken when
/// the first arrives.
/// </summary>
/// <remarks>
/// A view of a variable has no gradient of its own: its slot is a part of the whole's, so that what is computed for the view
/// is written in place. Parts that cover the whole without overlapping (a split, a transposed or reshaped view) are known to
/// it: only those that nobody wrote are cleared. For any other part, and for what is a view of one, the whole is cleared first.
/// </remarks>
internal sealed class GradientSlot
{
    private readonly IComputeBackend? _backend;
    private readonly nint[] _lengths = [];
    private readonly nint[] _strides = [];
    private readonly GradientSlot? _whole;
    private readonly Func<DeviceTensor, DeviceTensor>? _view;
    private readonly bool _isCover;
    private readonly List<DeviceTensor> _views = [];
    private GradientSlot[] _cover = [];
    private DeviceTensor? _tensor;
    private bool _isDefined;

    /// <summary>A slot for a tensor whose axes lie in the order of those of <paramref name="model"/>.</summary>
    internal GradientSlot(DeviceTensor model)
    {
        _backend = model.Backend;
        _lengths = model.Lengths.ToArray();
        _strides = Shapes.DenseStrides(model.Lengths, model.Strides);
    }

    private GradientSlot(GradientSlot whole, Func<DeviceTensor, DeviceTensor> view, bool isCover)
    {
        _whole = whole;
        _view = view;
        _isCover = isCover;
    }

    /// <summary>Whether every number is valid. A part that the whole does not remember is valid only with the whole.</summary>
    private bool IsDefined => _isDefined || (_whole is not null && _whole.IsDefined);

    private bool HasAnything => IsDefined || Array.Exists(_cover, part => part.HasAnything);

    /// <summary>A part of this slot that may overlap others.</summary>
    internal GradientSlot Part(Func<DeviceTensor, DeviceTensor> view) => new(this, view, isCover: false);

    /// <summary>Parts that together are this slot and do not overlap.</summary>
    internal GradientSlot[] Cover(params Func<DeviceTensor, DeviceTensor>[] views)
    {
        // A second cover of the same whole cannot be kept apart from the first.
        bool isFirst = _cover.Length == 0;
        GradientSlot[] parts = [.. views.Select(view => new GradientSlot(this, view, isCover: isFirst))];
        _cover = isFirst ? parts : _cover;
        return parts;
    }

    /// <summary>Where to write a contribution, and the factor on what is there: 0 for the first, 1 for later ones.</summary>
    /// <param name="beta">The factor.</param>
    /// <returns>A tensor that the slot keeps; not to be disposed.</returns>
    internal DeviceTensor Target(out float beta)
    {
        Open();
        bool isFirst = !Settle();
        beta = isFirst ? 0 : 1;
        _isDefined |= isFirst;
        return Tensor();
    }

    /// <summary>The whole gradient, or null if there was no contribution.</summary>
    internal DeviceTensor? Current() => Settle() ? Tensor() : null;

    /// <summary>Forgets the gradient.</summary>
    internal void Clear()
    {
        foreach (DeviceTensor view in _views)
        {
            view.Dispose();
        }

        foreach (GradientSlot part in _cover)
        {
            part.Clear();
        }

        _views.Clear();
        _tensor?.Dispose();
        _tensor = null;
        _isDefined = false;
    }

    /// <summary>Defines what this slot is an unremembered part of, directly or through covers in between.</summary>
    private void Open()
    {
        if (_isCover)
        {
            _whole!.Open();
        }
        else
        {
            _whole?.Define();
        }
    }

    /// <summary>Makes every number of the slot valid if some are; says whether any are.</summary>
    private bool Settle()
    {
        if (_whole is not null && !_isCover)
        {
            return _whole.Settle();
        }

        if (!IsDefined && HasAnything)
        {
            foreach (GradientSlot part in _cover)
            {
                part.Define();
            }

            _isDefined = true;
        }

        return IsDefined;
    }

    private void Define()
    {
        Open();
        if (!Settle())
        {
            DeviceTensor tensor = Tensor();
            tensor.Backend.Fill(tensor, 0);
            _isDefined = true;
        }
    }

    private DeviceTensor Tensor()
    {
        if (_whole is null)
        {
            return _tensor ??= DeviceTensor.Allocate(_backend!, _lengths, _strides);
        }

        DeviceTensor view = _view!(_whole.Tensor());
        GradientSlot root = _whole;
        while (root._whole is not null)
        {
            root = root._whole;
        }

        root._views.Add(view);
        return view;
    }
}
